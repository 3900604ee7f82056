"""Rewrites of Wikinews titles in the manner of language models, written by hand before the gates had seen them.

A line with "+" is faithful to its article and must pass; one with "-" is not, and the gate that should say so follows.
"""

from __future__ import annotations

from collections.abc import Iterator

REWRITES = """
Countryside Alliance lose legal case on UK fox hunting ban
+ High Court upholds fox hunting ban as Countryside Alliance appeal fails
+ Fox Hunting Ban Stands After Court Rejects Countryside Alliance Appeal
- Countryside Alliance wins legal case on UK fox hunting ban | negation
Bush signs historic Schiavo bill into law
+ Bush approves bill to keep Terri Schiavo on life support
+ President Signs Law Aimed at Keeping Terri Schiavo Alive
- Clinton approves bill to keep Terri Schiavo on life support | names
China anti-textbook protests grow larger
+ Thousands march in second day of protests over Japanese textbook
+ Chinese Protests Over Japanese Textbook Spread to Shenzhen
- 5,000 march on Japanese consulate in second day of textbook protests | numbers
Samsung's 4 Gigabit flash memory begins mass production
+ Samsung starts mass production of 4-gigabit flash memory
+ Samsung Rolls Out Flash Memory Twice the Size of Rivals
- Toshiba starts mass production of 4-gigabit flash memory | names
- Samsung starts mass production of 8-gigabit flash memory | numbers
Two-minute silence for London bombings marked across the EU
+ Millions fall silent to remember victims of London attacks
+ Europe Pauses for Two Minutes to Honor London Bombing Victims
- Three-minute silence held across EU for London victims | numbers
Iran determined to continue with nuclear program
+ Ahmadinejad vows to press on with nuclear energy
+ Iran will push ahead with nuclear energy, Ahmadinejad says
- Iran to pursue nuclear weapons, Ahmadinejad says | negation
North, South Korea plan united team for 2008 Olympics
+ Koreas to field joint team at 2008 Olympics
+ North and South Korea Agree to Compete Together at Next Olympics
- North and South Korea to field joint team at 2012 Olympics | numbers
Norway-led peacekeeper base attacked in Afghanistan
+ Demonstrators attack Norwegian peacekeeping base in Afghanistan
+ Protesters Hurl Grenades at Norwegian Base in Afghanistan
- Demonstrators attack Norwegian base in Pakistan | names
Cuba and Japan to play in WBC final
+ Japan and Cuba face off for World Baseball Classic title
+ Cuba, Japan Set for World Baseball Classic Final in San Diego
- Korea and Cuba face off in World Baseball Classic final | names
Lebanon: UN resolution won't end conflict
+ Lebanon warns UN draft resolution will fail to end fighting
+ Lebanon Tells U.N. Resolution Cannot Stop Conflict
- Lebanon: UN resolution will end on-going conflict | negation
Microsoft says no delay for European launch of Vista
+ Microsoft: Vista will ship in Europe on schedule
+ Vista launch in Europe on time despite EU warnings, Microsoft says
- Microsoft says Vista launch in Europe delayed | negation
Canadians may elect Senate
+ Harper bill would let Canadians vote for senators
+ Canadians Could Elect Senators Under Harper Proposal
- Canadians will elect Senate | modality
US State Department accuses Iran of being top state sponsor of terrorism
+ Iran named top state sponsor of terrorism in US report
+ US Report Accuses Iran of Leading Sponsorship of Terrorism
- US State Department accuses Syria of being top sponsor of terrorism | names
Web browser Firefox increases market share in Europe
+ Firefox climbs to 27.8% share in Europe
+ Firefox Gains Ground in Europe With 27.8% of Browser Market
- Firefox climbs to 37.8% share in Europe | numbers
Russians vote in parliamentary election
+ Russians head to polls in parliamentary vote
+ Putin's Party Set to Win as Russians Vote for New Parliament
- Ukrainians vote in parliamentary election | names
Israel closes Gaza crossings in response to rocket attacks
+ Israel seals Gaza borders after surge in rocket fire
+ Israel Shuts Gaza Crossings, Raising Fears of Humanitarian Crisis
- Egypt seals Gaza borders after surge in rocket attacks | names
Judge dismisses copyright lawsuit against Uri Geller
+ US judge throws out EFF lawsuit against Uri Geller
+ Court Lacks Jurisdiction Over Uri Geller, Judge Rules
- Judge fines Uri Geller $25,000 in copyright lawsuit | numbers
Assisted-suicide doctor Jack Kevorkian to run for US Congress
+ Jack Kevorkian plans bid for US House seat
+ 'Right-to-die' doctor Kevorkian to seek seat in Congress
- Jack Kevorkian wins seat in US Congress, dies at 79 | numbers
Finland, Estonia and Greece ratify the EU's Treaty of Lisbon
+ Three more EU states ratify Lisbon Treaty
+ Finland, Estonia, Greece Back EU Reform Treaty
- Finland, Latvia and Greece ratify the EU's Treaty of Lisbon | names
President Bush plans to attend opening of Beijing Olympics
+ Bush to attend Beijing Olympics opening ceremony
+ White House: Bush Will Be at Beijing Olympics Opening
- President Bush attends opening of Beijing Olympics | modality
Founder and CEO of Rockmount Ranchwear Jack Weil dies at age 107
+ Jack Weil, oldest working US CEO, dies at 107
+ Rockmount Ranch Wear Founder 'Papa Jack' Weil Dies at 107
- Jack Weil, oldest working US CEO, dies at 101 | numbers
IMF prepares to help Hungary and Ukraine
+ IMF readies loans for Hungary and Ukraine
+ Hungary and Ukraine Await IMF Loans Amid Financial Turmoil
- IMF readies loans for Hungary and Poland | names
- Ukraine seeks up to $40 billion from IMF | numbers
Palestinian president pleads with UN Security Council for help in Gaza
+ Abbas urges UN to press Israel for halt to Gaza assault
+ Abbas Calls on Security Council to End 'Suffocating Siege' of Gaza
- Abbas urges NATO to press Israel for halt to Gaza assault | names
Franco-Belgian bank Dexia to restructure, lose 900 jobs
+ Dexia to cut 900 jobs after €3 billion loss
+ Dexia slashes 3% of staff after full-year loss
- Dexia to cut 900 jobs after $3 billion loss | numbers
Usain Bolt to run 150 metre race in Manchester
+ Bolt to race 150m in Manchester streets
+ Usain Bolt Set for Street Race in Manchester
- Usain Bolt to run 200 yard race in Manchester | numbers
UK House of Commons' Speaker resigns
+ Commons Speaker Michael Martin to step down
+ Speaker Michael Martin Resigns Ahead of Confidence Vote
- Commons Speaker Michael Martin arrested | events
G8 leaders set new emissions target
+ G8 agrees to cut emissions by 80% by 2050
+ G8 Leaders Agree on 80 Percent Emissions Cut by 2050
- G20 agrees to cut emissions by 80% by 2050 | numbers
- G8 agrees to cut emissions by 80% by 2030 | numbers
Germany threatens to walk out of UN General Assembly if Ahmadinejad denies the Holocaust
+ Germany vows UN walkout if Ahmadinejad denies Holocaust
+ Germany May Walk Out of UN Over Holocaust Denial by Ahmadinejad
- Germany walks out of UN General Assembly as Ahmadinejad denies the Holocaust | modality
Saudi Arabia fears Hajj swine flu outbreak as four pilgrims die
+ Four Hajj pilgrims die amid swine flu fears
+ Saudi Authorities Worry Over Swine Flu as Hajj Begins
- Five Hajj pilgrims die amid swine flu fears | numbers
African Union considers proposal to resettle Haitians
+ African Union weighs plan to resettle Haitians after quake
+ African Union to Consider Resettling Haiti Quake Victims
- African Union resettles Haitians | modality
Body of Sheikh Ahmed bin Zayed Al Nahyan found in Moroccan lake
+ Body of missing Emirati sheikh found in lake in Morocco
+ Sheikh Ahmed's Body Recovered From Moroccan Lake After Glider Crash
- Body of missing Kuwaiti sheikh found in lake in Morocco | names
Gaza Strip aid ship departs Greece, diverts to Egypt
+ Gaza-bound aid ship leaves Greece, may head to Egypt instead
+ Gaza Aid Ship Amalthea Reportedly Diverting to Egypt
- Gaza aid ship departs Turkey, diverts to Egypt | names
Waters on trial for House ethics charges
+ House panel charges Maxine Waters with ethics violations
+ Maxine Waters Becomes Second Democrat in a Week to Face Ethics Charges
- Maxine Waters guilty of murder | events
Tropical Storm Danielle forms in Atlantic Ocean
+ Tropical Storm Danielle forms in eastern Atlantic
+ Danielle Becomes Fourth Named Storm of 2010 Season
- Tropical Storm Danielle forms 300 miles from Miami | numbers
Welsh TV pioneer Owen Edwards dies at age 76
+ Owen Edwards, first S4C chief, dies aged 76
+ Welsh Broadcasting Pioneer Owen Edwards Dies at 76
- Owen Edwards, first S4C chief, dies aged 67 | numbers
Research in Motion to launch new tablet device
+ Research in Motion expected to unveil tablet next week
+ RIM Tipped to Launch 'BlackPad' Tablet This Year
- Nokia expected to unveil tablet next week | names
U.S. issues travel alert for Europe amidst fears of Al Qaeda attack
+ US warns citizens in Europe of possible Al-Qaeda attack
+ State Department Issues Europe Travel Advisory Over Terror Fears
- US warns citizens in Asia of possible Al-Qaeda attack | names
Sebastian Vettel wins 2010 Japanese Grand Prix
+ Vettel leads Red Bull one-two at Suzuka
+ Red Bull's Vettel Wins Japanese Grand Prix Ahead of Webber
- Hamilton wins 2010 Japanese Grand Prix | names
Magnitude 7.7 earthquake strikes off Indonesia coast
+ 7.7 quake off Sumatra prompts tsunami warning, later canceled
+ Magnitude 7.7 Earthquake Hits Off Sumatra
- 7.4 quake off Sumatra prompts tsunami warning | numbers
North Korean military leader Jo Myong Rok dies at age 82
+ North Korea's Jo Myong Rok dead at 82
+ Jo Myong Rok, Senior North Korean Military Figure, Dies
- South Korean military leader Jo Myong Rok dies at 72 | numbers
Wikileaks to release thousands of secret documents; 'international embarrassment' likely
+ Wikileaks prepares to publish thousands of US embassy documents
+ US Braces for Wikileaks Release of Embassy Cables
- Wikileaks releases thousands of secret documents | modality
Pentagon 'don't ask don't tell' poll shows support for repeal
+ Most US troops unfazed by gay service reform, Pentagon survey finds
+ Pentagon Survey: Only 30% See Harm in Ending 'Don't Ask, Don't Tell'
- Pentagon survey: 70% see harm in ending 'don't ask, don't tell' | numbers
U.S. vice president Joe Biden says positive consensus on same-sex marriage is 'inevitable'
+ Biden calls national consensus on gay marriage 'inevitable'
+ Gay marriage consensus 'inevitable', Biden tells Good Morning America
- Joe Biden dead | events
- Consensus on same-sex marriage is inevitable | attribution
"""


def rewrites() -> Iterator[tuple[str, str, str | None]]:
    """Each original title with a rewrite, and the gate that should fail it."""
    original = ""
    for line in REWRITES.strip().splitlines():
        if line.startswith("+ "):
            yield original, line[2:], None
        elif line.startswith("- "):
            rewrite, gate = line[2:].rsplit(" | ", 1)
            yield original, rewrite, gate
        else:
            original = line
