"""Titles in the wrong language, translated by hand for the benchmark of the gate `language`."""

from __future__ import annotations

# The English titles of Wikinews articles, and translations into fourteen languages.
TRANSLATED = {
    "Iran close to decision on nuclear program": """
de Iran steht kurz vor Entscheidung über Atomprogramm
fr L'Iran proche d'une décision sur son programme nucléaire
es Irán, cerca de una decisión sobre su programa nuclear
it Iran vicino a una decisione sul programma nucleare
pt Irã perto de decisão sobre programa nuclear
nl Iran dicht bij besluit over kernprogramma
sv Iran nära beslut om kärnprogram
da Iran tæt på beslutning om atomprogram
fi Iran lähellä päätöstä ydinohjelmastaan
pl Iran bliski decyzji w sprawie programu nuklearnego
cs Írán má blízko k rozhodnutí o jaderném programu
tr İran nükleer program konusunda karara yakın
ru Иран близок к решению по ядерной программе
zh 伊朗即将就核计划作出决定""",
    "Explosions kill eight in Jakarta": """
de Acht Tote bei Explosionen in Jakarta
fr Des explosions font huit morts à Jakarta
es Explosiones dejan ocho muertos en Yakarta
it Otto morti per esplosioni a Giacarta
pt Explosões matam oito pessoas em Jacarta
nl Acht doden door explosies in Jakarta
sv Åtta döda i explosioner i Jakarta
da Otte dræbt ved eksplosioner i Jakarta
fi Räjähdykset tappoivat kahdeksan Jakartassa
pl Osiem ofiar eksplozji w Dżakarcie
cs Výbuchy v Jakartě zabily osm lidí
tr Cakarta'da patlamalar sekiz can aldı
ru Взрывы в Джакарте унесли жизни восьми человек
ja ジャカルタの爆発で8人死亡""",
    "George Bush arrives in Saudi Arabia as part of his Middle East visit": """
de George Bush trifft auf seiner Nahostreise in Saudi-Arabien ein
fr George Bush arrive en Arabie saoudite dans le cadre de sa tournée au Moyen-Orient
es George Bush llega a Arabia Saudita en su gira por Oriente Medio
it George Bush arriva in Arabia Saudita per la sua visita in Medio Oriente
pt George Bush chega à Arábia Saudita em visita ao Oriente Médio
nl George Bush aangekomen in Saoedi-Arabië tijdens reis door Midden-Oosten
sv George Bush anländer till Saudiarabien under sin resa i Mellanöstern
da George Bush ankommer til Saudi-Arabien på sin rundrejse i Mellemøsten
fi George Bush saapui Saudi-Arabiaan Lähi-idän matkallaan
pl George Bush przybył do Arabii Saudyjskiej w ramach podróży po Bliskim Wschodzie
cs George Bush přiletěl do Saúdské Arábie v rámci cesty po Blízkém východě
tr George Bush, Orta Doğu ziyareti kapsamında Suudi Arabistan'a geldi
ru Джордж Буш прибыл в Саудовскую Аравию в рамках ближневосточного турне
ko 조지 부시, 중동 순방의 일환으로 사우디아라비아 도착""",
    "Twelve more moons of Saturn discovered": """
de Zwölf weitere Saturnmonde entdeckt
fr Douze nouvelles lunes de Saturne découvertes
es Descubren doce lunas más de Saturno
it Scoperte altre dodici lune di Saturno
pt Descobertas mais doze luas de Saturno
nl Twaalf nieuwe manen van Saturnus ontdekt
sv Tolv nya Saturnusmånar upptäckta
da Tolv nye Saturn-måner opdaget
fi Saturnukselta löytyi kaksitoista uutta kuuta
pl Odkryto dwanaście nowych księżyców Saturna
cs Objeveno dalších dvanáct měsíců Saturnu
tr Satürn'ün on iki yeni uydusu keşfedildi
uk Виявлено ще дванадцять супутників Сатурна
ar اكتشاف اثني عشر قمرا آخر لزحل""",
}
