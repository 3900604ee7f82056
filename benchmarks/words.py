"""Make retitlekit/language/words.txt from a list of English words, one a line: `python benchmarks/words.py LIST`.

LIST is SCOWL's American list up to level 35 (Debian's wamerican-small). Names are left out, and words that `bases`
derives from shorter ones; words of the news that are younger than the list are added.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from retitlekit.language.words import bases

YOUNGER = """
abortionist aftershock airspace airstrike aka alright antiviral anymore app ayatollah backbencher backlash ballpark
benchmark biometric biopic bitcoin blockbuster blockchain blog blogger boardroom bookmaker broadband brokerage burqa
cafe carjacking carmaker chatbot cheque childcare climate contactee coronavirus cricketer crypto cryptocurrency cyber
cyclist debutant deepfake demo deploy derby detainee diva dossier download downside downturn drone dronestrike
drugmaker ebook entrepreneur eponymous equalizer euro eurozone extremist fax fintech firefight firewall flotation
footage footballer fracking frontbencher frontline frontman furore gaffe gameplay geek genocide gigabit gigabyte
giveaway glitch globalization goalkeeper gran groundbreaking hacker handheld handset headscarf headset heatwave
heptathlon hijab hijacker homebuyer hotspot hype iconic immersive impeach incumbent indie infighting influencer
infrared insurgency insurgent jihad jihadist keynote kingpin landline laptop lawmaker linesman livestream lockdown
login logistical malware mega megapixel meme memorabilia microchip midfielder militant modem mogul morph mosque
mudslide multiplayer nanny offline offside ombudsman online onside opioid organizer outage outsourcing pandemic
paparazzi paralyze payout peacekeeper penalize pensioner phishing physio pixel playlist playoff podcast pollster porn
powercut privatization protege protester quarterback quarterfinal rainforest ransomware ref reggae regulatory
repatriate respondent ringtone roadmap roadside robotic rocker rover runoff scam sceptical screenplay screensaver
screenwriter scrum seismic semifinal sexting sinkhole sitcom skyrocket smartphone smartwatch snowboarder songwriter
spacecraft spacewalk spam spyware stakeholder standoff startup steroid stockmarket storyline stowaway streaming
striker subprime suicide superhero supermodel supremo surfer synergy tablet takeover tech telco telecom
telecommunication telephony temblor terrorist tiebreak toddler tornado touchline trafficker trailblazer triathlon
tsunami turnout tweet typhoon unbeaten underpin undervalue underway upcoming upsurge upswing uptick vaccine vape viral
virologist vlog walkout warlord warplane warship webcam webcast weblog webpage website whistleblower wildfire wireless
wiretap wiretapping workforce worldwide xenophobia yuan zoonotic
"""
HEADER = """\
# English words that are no names, by which language/words.py tells "Hijackers" from "Microsoft" at the head of a title.
# Made by benchmarks/words.py from SCOWL, levels 10 to 35, and about 250 words of the news. SCOWL's notices:
# Copyright 2000-2011 by Kevin Atkinson. Permission to use, copy, modify, distribute and sell these word lists, the
# associated scripts, the output created from the scripts, and its documentation for any purpose is hereby granted
# without fee, provided that the above copyright notice appears in all copies and that both that copyright notice and
# this permission notice appear in supporting documentation. Kevin Atkinson makes no representations about the
# suitability of this array for any purpose. It is provided "as is" without express or implied warranty.
# Its inflections were made with WordNet 1.6, Copyright 1997 by Princeton University. All rights reserved. Permission to
# use, copy, modify and distribute this software and database and its documentation for any purpose and without fee or
# royalty is hereby granted, provided that you agree to comply with the following copyright notice and statements,
# including the disclaimer, and that the same appear on ALL copies of the software, database and documentation,
# including modifications that you make for internal use or for distribution. THIS SOFTWARE AND DATABASE IS PROVIDED
# "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT
# NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF MERCHANTABILITY OR FITNESS FOR ANY
# PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD
# PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS. The name of Princeton University or Princeton may not be used
# in advertising or publicity pertaining to distribution of the software and/or database. Title to copyright in this
# software, database and any associated documentation shall at all times remain with Princeton University and LICENSEE
# agrees to preserve same.
"""


def main() -> None:
    """Read the list, drop what follows from shorter words, write the file."""
    listed = Path(sys.argv[1]).read_text(encoding="utf-8").split()
    words = {word for word in listed if re.fullmatch("[a-z]{2,}", word)} | set(YOUNGER.split())
    kept: set[str] = set()
    for word in sorted(words, key=lambda word: (len(word), word)):
        if not any(base in kept for base in bases(word)):
            kept.add(word)
    target = Path(__file__).parent.parent / "retitlekit/language/words.txt"
    target.write_text(HEADER + "\n".join(sorted(kept)) + "\n", encoding="utf-8")
    print(f"{len(kept)} words, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
