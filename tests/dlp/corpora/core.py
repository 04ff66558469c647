"""A held-out corpus for the packs `core` and `us-health`: numbers made from their formats, in texts of people.

It shares nothing with the rules. The texts were written before the rules were tried on them.
"""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Chance = random.Random


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and the rule that must find the stretch from `start` to `end`; without one, no rule may find anything."""

    text: str
    rule: str = ""
    start: int = 0
    end: int = 0


def positives(seed: int, number: int) -> Iterator[Case]:
    """So many texts for each kind of number."""
    chance = Chance(seed)
    for kind, (make, templates) in KINDS.items():
        for turn in range(number):
            value = make(chance)
            before, _, after = templates[turn % len(templates)].partition("{}")
            yield Case(f"{before}{value}{after}", kind.strip(), len(before), len(before) + len(value))


def digits(chance: Chance, number: int) -> str:
    return "".join(chance.choices(string.digits, k=number))


def luhn_digit(number: str) -> str:
    total = sum(
        int(digit) if place % 2 else sum(divmod(2 * int(digit), 10)) for place, digit in enumerate(number[::-1])
    )
    return str(-total % 10)


def grouped(number: str, sizes: tuple[int, ...], separator: str) -> str:
    groups, at = [], 0
    for size in sizes:
        groups.append(number[at : at + size])
        at += size
    return separator.join(group for group in (*groups, number[at:]) if group)


def card(chance: Chance) -> str:
    prefix, length = chance.choice(
        [
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2300", 16),
            ("2720", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3530", 16),
            ("36", 14),
            ("3095", 14),
            ("62", 16),
            ("6759", 16),
            ("2202", 16),
            ("4", 19),
            ("5018", 16),
        ]
    )
    number = prefix + digits(chance, length - len(prefix) - 1)
    number += luhn_digit(number)
    layout = {14: (4, 6, 4), 15: (4, 6, 5)}.get(length, (4, 4, 4, 4))
    return grouped(number, layout, chance.choice(["", "", " ", " ", "-", "\u00a0", "."]))


IBANS = {
    "DE": "n" * 18, "FR": "n" * 10 + "c" * 11 + "nn", "GB": "aaaannnnnnnnnnnnnn", "NL": "aaaannnnnnnnnn",
    "ES": "n" * 20, "IT": "annnnnnnnnncccccccccccc", "CH": "nnnnncccccccccccc", "AT": "n" * 16, "BE": "n" * 12,
    "PL": "n" * 24, "SE": "n" * 20, "NO": "n" * 11, "DK": "n" * 14, "FI": "n" * 14, "IE": "aaaannnnnnnnnnnnnn",
    "PT": "n" * 21, "GR": "nnnnnnncccccccccccccccc", "LU": "nnnccccccccccccc", "AE": "n" * 19, "SA": "nn" + "c" * 18,
    "BR": "n" * 23 + "ac", "TR": "nnnnnncccccccccccccccc", "MT": "aaaannnnncccccccccccccccccc", "KW": "aaaa" + "c" * 22,
    "UA": "nnnnnnccccccccccccccccccc", "CZ": "n" * 20, "HU": "n" * 24, "RO": "aaaacccccccccccccccc", "EG": "n" * 25,
}  # fmt: skip


def iban(chance: Chance) -> str:
    country = chance.choice(list(IBANS))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    account = "".join(chance.choice(alphabets[kind]) for kind in IBANS[country])
    number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
    written = f"{country}{98 - number % 97:02}{account}"
    match chance.randrange(4):
        case 0:
            return grouped(written, (4,) * 9, " ")
        case 1:
            return grouped(written, (4,) * 9, chance.choice("- "))
        case 2:
            return written.lower() if chance.random() < 0.3 else written
        case _:
            return written


def bic(chance: Chance) -> str:
    bank = "".join(chance.choices(string.ascii_uppercase, k=4))
    country = chance.choice("DE FR GB US CH NL ES IT BE AT IE LU SE JP SG HK AU CA".split())
    return (
        bank
        + country
        + chance.choice(["FF", "PP", "2L", "33", "HH", "ZZ", "MM"])
        + chance.choice(["", "", "XXX", "500"])
    )


def aba(chance: Chance) -> str:
    while True:
        number = chance.choice("01 02 03 06 07 09 11 12 21 26 31 32".split()) + digits(chance, 7)
        if sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1) * 3, strict=True)) % 10 == 0:
            return number


def account(chance: Chance) -> str:
    return digits(chance, chance.choice((8, 9, 10, 12)))


def sort_code(chance: Chance) -> str:
    return grouped(digits(chance, 6), (2, 2), chance.choice(["-", "-", ""]))


def isin(chance: Chance) -> str:
    country, length = chance.choice([("DE000", 6), ("FR000", 6), ("NL00", 7), ("IE00", 7), ("CH00", 7), ("JP3", 8)])
    number = country + digits(chance, length)
    return number + luhn_digit("".join(str(int(character, 36)) for character in number))


def cusip(chance: Chance) -> str:
    number = (
        digits(chance, 3) + "".join(chance.choices(string.digits + string.ascii_uppercase, k=3)) + digits(chance, 2)
    )
    total = sum(sum(divmod(int(character, 36) * (1 + place % 2), 10)) for place, character in enumerate(number))
    return number + str(-total % 10)


def lei(chance: Chance) -> str:
    base = digits(chance, 4) + "00" + "".join(chance.choices(string.digits + string.ascii_uppercase, k=11)) + "Z"
    return base + f"{98 - int(''.join(str(int(c, 36)) for c in base + '00')) % 97:02}"


def eth(chance: Chance) -> str:
    return "0x" + "".join(chance.choices("0123456789abcdef", k=40))


NAMES = (
    "jane john maria.rossi h.mueller li-wei o.brien anna_k peter.smith+news sven7 support billing info f.dupont".split()
)
DOMAINS = (
    "example.com mail.example.org firma.de uni-koeln.de corp.co.uk example.io acme.com.br post.fr test.museum".split()
)


def email(chance: Chance) -> str:
    address = f"{chance.choice(NAMES)}@{chance.choice(DOMAINS)}"
    return address.upper() if chance.random() < 0.05 else address


def phone_abroad(chance: Chance) -> str:
    form = chance.choice(
        [
            "+1 415 555 2###",
            "+1 (212) 555-2###",
            "+1-650-555-2###",
            "+1415555####",
            "+44 20 7946 0###",
            "+44 7700 900###",
            "+447700900###",
            "+44 (0)20 7946 0###",
            "+49 30 901820",
            "+49 151 2345 6###",
            "+49 (0)89 1234 5###",
            "+33 1 42 68 5# ##",
            "+33612345###",
            "+34 612 34 5# ##",
            "+39 06 6982 ####",
            "+39 347 123 4###",
            "+31 6 1234 5###",
            "+31 20 123 4###",
            "+41 44 668 18 ##",
            "+43 1 58858 ###",
            "+32 2 512 3# ##",
            "+46 8 123 456 ##",
            "+47 22 12 34 ##",
            "+45 32 12 34 ##",
            "+358 9 1234 5##",
            "+48 22 123 4# ##",
            "+351 21 123 4###",
            "+353 1 679 6###",
            "+61 2 9374 4###",
            "+64 9 123 4###",
            "+81 3-1234-5###",
            "+82 2-312-3###",
            "+86 138 0013 8###",
            "+91 98765 43###",
            "+55 11 91234-5###",
            "+52 55 1234 5###",
            "+7 495 123-45-##",
            "+65 6123 4###",
            "+852 2123 4###",
            "+971 50 123 4###",
            "+972 3-123-4###",
            "+27 21 123 4###",
            "+90 212 123 4# ##",
            "0049 30 901 8##",
            "0044 20 7946 0###",
            "0033 1 42 68 53 ##",
            "(415) 555-2###",
        ]
    )
    return "".join(chance.choice("123456789") if sign == "#" else sign for sign in form)


def phone_at_home(chance: Chance) -> str:
    form = chance.choice(
        [
            "415-555-2###",
            "415.555.2###",
            "415 555 2###",
            "4155552###",
            "1-800-555-2###",
            "020 7946 0###",
            "07700 900###",
            "0161 496 0###",
            "030 901820",
            "030/901 8##",
            "0151 2345 6###",
            "089-1234 5##",
            "01 42 68 5# ##",
            "0612345###",
            "06 12 34 5# ##",
            "612 34 5# ##",
            "91 123 4# ##",
            "06 6982 ####",
            "347 123 4###",
            "020 123 4###",
            "06-1234 5###",
            "8 (495) 123-45-##",
            "03-1234-5###",
            "090-1234-5###",
        ]
    )
    return "".join(chance.choice("123456789") if sign == "#" else sign for sign in form)


def ipv4(chance: Chance) -> str:
    return ".".join(str(part) for part in (chance.randint(11, 223), *(chance.randint(0, 255) for _ in range(3))))


def ipv6(chance: Chance) -> str:
    groups = [f"{chance.getrandbits(16):x}" for _ in range(4)]
    return chance.choice(
        [
            "2001:db8:" + ":".join(groups) + ":0:1",
            "2001:db8::" + groups[0],
            "fe80::" + ":".join(groups),
            "2a02:" + ":".join(groups) + "::1",
            "fd12:3456:789a:1::1",
        ]
    )


def mac(chance: Chance) -> str:
    octets = ["3c", *(f"{chance.getrandbits(8):02x}" for _ in range(4)), "a7"]
    written = chance.choice(":-").join(octets)
    return written.upper() if chance.random() < 0.5 else written


def imei(chance: Chance) -> str:
    number = "35" + digits(chance, 12)
    number += luhn_digit(number)
    return grouped(number, (2, 6, 6), "-") if chance.random() < 0.3 else number


def vin(chance: Chance) -> str:
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    values = dict(zip(letters, (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
    number = [*chance.choice(("1HG", "2T1", "JH4", "5YJ", "WBA")), *chance.choices(letters + string.digits, k=5), "0"]
    number += [*chance.choices(letters, k=2), *digits(chance, 6)]
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum((values.get(c) or int(c)) * weight for c, weight in zip(number, weights, strict=True))
    number[8] = "X" if total % 11 == 10 else str(total % 11)
    return "".join(number)


MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split(),
    "nl": "januari februari maart april mei juni juli augustus september oktober november december".split(),
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
}


def birth(chance: Chance) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1931, 2012)
    return chance.choice(
        [
            f"{day:02}/{month:02}/{year}",
            f"{month:02}/{day:02}/{year}",
            f"{day:02}.{month:02}.{year}",
            f"{day}.{month}.{year}",
            f"{year}-{month:02}-{day:02}",
            f"{day:02}-{month:02}-{year}",
            f"{year}/{month:02}/{day:02}",
            f"{day:02}/{month:02}/{year % 100:02}",
            f"{day} {MONTHS['en'][month - 1]} {year}",
            f"{MONTHS['en'][month - 1]} {day}, {year}",
            f"{MONTHS['en'][month - 1][:3]} {day} {year}",
            f"{day}. {MONTHS['de'][month - 1]} {year}",
            f"{day} {MONTHS['fr'][month - 1]} {year}",
            f"{day} de {MONTHS['es'][month - 1]} de {year}",
            f"{day} {MONTHS['it'][month - 1]} {year}",
            f"{day} {MONTHS['nl'][month - 1]} {year}",
            f"{day} de {MONTHS['pt'][month - 1]} de {year}",
            f"{day}-{MONTHS['en'][month - 1][:3]}-{year}",
            f"{day:02} {month:02} {year}",
        ]
    )


def mrz(chance: Chance) -> str:
    def checked(field: str) -> str:
        values = (0 if c == "<" else int(c, 36) for c in field)
        return field + str(sum(v * (7, 3, 1)[place % 3] for place, v in enumerate(values)) % 10)

    number = checked(f"{chance.choice('CLPX')}{digits(chance, 8)}")
    birthday, expiry = checked(f"{digits(chance, 2)}0{chance.randint(1, 9)}1{digits(chance, 1)}"), checked("320415")
    personal = checked("<" * 14)
    second = f"{number}D<<{birthday}{chance.choice('MF<')}{expiry}{personal}"
    composite = checked(number + birthday + expiry + personal)[-1]
    first = f"P<D<<{chance.choice(('MUSTERMANN<<ERIKA', 'DOE<<JOHN<PAUL', 'ROSSI<<MARIA'))}"
    return f"{first:<<44}\n{second}{composite}"


def passport(chance: Chance) -> str:
    letters = string.ascii_uppercase
    return chance.choice(
        [
            digits(chance, 9),
            f"{chance.choice(letters)}{digits(chance, 8)}",
            f"{chance.choice(letters)}{digits(chance, 7)}",
            "".join(chance.choices(letters, k=2)) + digits(chance, 7),
            "C01X" + digits(chance, 2) + "T4" + digits(chance, 1),
            digits(chance, 2) + "".join(chance.choices(letters, k=2)) + digits(chance, 5),
        ]
    )


def licence(chance: Chance) -> str:
    letter = chance.choice(string.ascii_uppercase)
    return chance.choice(
        [
            f"{letter}{digits(chance, 7)}",
            digits(chance, 9),
            digits(chance, 8),
            f"{letter}{digits(chance, 12)}",
            f"{letter}{digits(chance, 3)}-{digits(chance, 4)}-{digits(chance, 4)}",
            f"SMITH{digits(chance, 6)}JM9IJ",
            f"{letter}{digits(chance, 3)}-{digits(chance, 3)}-{digits(chance, 2)}-{digits(chance, 3)}-1",
        ]
    )


def credentials(chance: Chance) -> str:
    password = "".join(chance.choices(string.ascii_letters + string.digits, k=10)) + "1a"
    return chance.choice(
        [
            f"https://admin:{password}@intranet.example.com",
            f"postgres://app:{password}@db.example.com:5432/orders",
            f"mongodb+srv://root:{password}@cluster0.example.net/test",
            f"amqp://svc:{password}@10.2.0.7:5672",
            f"redis://:{password}@cache.example.com:6379/0",
            f"ftp://jane:{password}@files.example.com",
        ]
    )


def npi(chance: Chance) -> str:
    number = chance.choice("12") + digits(chance, 8)
    return number + luhn_digit("80840" + number)


def dea(chance: Chance) -> str:
    number = digits(chance, 6)
    check = (sum(map(int, number[::2])) + 2 * sum(map(int, number[1::2]))) % 10
    return chance.choice("ABFGMR") + chance.choice(string.ascii_uppercase) + number + str(check)


def mbi(chance: Chance) -> str:
    letters = "ACDEFGHJKMNPQRTUVWXY"
    pick, any_sign = (lambda: chance.choice(letters)), (lambda: chance.choice(letters + string.digits))
    number = (
        chance.choice("123456789") + pick() + any_sign() + digits(chance, 1) + pick() + any_sign() + digits(chance, 1)
        + pick() + pick() + digits(chance, 2)
    )  # fmt: skip
    return grouped(number, (4, 3), "-") if chance.random() < 0.6 else number


def one_of(*values: str) -> Callable[[Chance], str]:
    return lambda chance: chance.choice(values)


def of_digits(*lengths: int, prefix: str = "") -> Callable[[Chance], str]:
    return lambda chance: prefix + digits(chance, chance.choice(lengths))


# For each rule: what makes its numbers, and the texts they stand in. A rule's second kind has a blank behind its name.
KINDS: dict[str, tuple[Callable[[Chance], str], list[str]]] = {
    "credit_card": (
        card,
        [
            "My card number is {}, please charge it.",
            "Card: {} exp 09/27",
            '{"card_number": "{}", "currency": "EUR"}',
            "2026-03-01 12:00:04 INFO payment pan={} status=ok",
            "name,card\nJane Doe,{}\n",
            "Bitte buchen Sie von meiner Kreditkarte {} ab!",
            "Ma carte bancaire ({}) a été refusée.",
            "{}",
            "El número de mi tarjeta es {}.",
            "| Visa | {} | 2027 |",
        ],
    ),
    "iban": (
        iban,
        [
            "Please transfer it to {}.",
            "IBAN: {}",
            '{"iban":"{}"}',
            "Meine Bankverbindung: {}, danke",
            "Voici mon IBAN {} pour le virement",
            "{}",
            "iban={};bic=DEUTDEFF",
            "Konto {} bei der Sparkasse",
        ],
    ),
    "swift_bic": (
        bic,
        ["BIC: {}", "Our SWIFT code is {}.", '{"bic": "{}"}', "IBAN see above, SWIFT/BIC {}", "code BIC : {}"],
    ),
    "us_aba_routing": (
        aba,
        [
            "Routing number: {}",
            "Use ABA {} for the wire.",
            '{"routing_number":"{}"}',
            "routing no. {}, checking",
            "RTN: {}",
        ],
    ),
    "us_bank_account": (
        account,
        [
            "Account number: {}",
            "my checking account {}",
            '{"account_number": "{}"}',
            "Acct # {}",
            "wire it to account {}",
        ],
    ),
    "bank_account": (
        account,
        ["Kontonummer {}", "Kto-Nr.: {}", "numéro de compte : {}", "rekeningnummer: {}", "conto corrente n. {}"],
    ),
    "uk_sort_account": (sort_code, ["Sort code: {}", "sort code {} please", '{"sortCode":"{}"}']),
    "isin": (isin, ["ISIN: {}", "We bought 200 of {} today.", '{"isin":"{}"}', "Anleihe {} gekauft"]),
    "cusip": (cusip, ["CUSIP: {}", "the CUSIP number {}", '{"cusip":"{}"}']),
    "lei": (lei, ["LEI {}", "{}", "legal entity identifier: {}"]),
    "eth_address": (eth, ["Send it to {} please", '{"wallet":"{}"}', "{}"]),
    "email": (
        email,
        [
            "Write to {}.",
            '{"email":"{}"}',
            "From: Jane Doe <{}>",
            "mailto:{}?subject=hi",
            "Kontakt: {}, Telefon folgt",
            "user={} ip=10.3.0.17",
            "({})",
            "{}",
            "Envoyez-le à {} s'il vous plaît",
        ],
    ),
    "phone": (
        phone_abroad,
        [
            "Call me at {}.",
            "Phone: {}",
            '{"phone":"{}"}',
            "{}",
            "I live here, {} is my number",
            "Tel. {}, Fax folgt",
            "(mobile {})",
        ],
    ),
    "phone ": (
        phone_at_home,
        [
            "Call me at {}.",
            "Phone: {}",
            '{"phone":"{}"}',
            "Telefon: {}",
            "Tél. : {}",
            "Mein Handy ist {}",
            "mi teléfono es el {}",
            "Tel. {}",
            "Mobile number {}, thanks",
            "cellulare: {}",
            "You can reach me on my mobile {} after 5.",
        ],
    ),
    "ipv4": (
        ipv4,
        ["from {} port 22", '{"ip":"{}"}', "Server {} is down.", "http://{}:8080/", "{} - - [10/Oct/2025]", "host={}"],
    ),
    "ipv6": (ipv6, ["from {} port 22", '{"ip":"{}"}', "Server {} is down", "http://[{}]:8080/", "addr={}"]),
    "cidr": (one_of("10.0.0.0/8", "192.168.14.0/24", "172.16.0.0/12"), ["allow {}", "subnet: {}", '"{}"']),
    "mac_address": (mac, ["MAC {}", "wlan0: {}", '{"mac":"{}"}', "device {} connected"]),
    "imei": (imei, ["IMEI: {}", "the phone with IMEI {}", '{"imei":"{}"}']),
    "imsi": (of_digits(12, prefix="262"), ["IMSI: {}", '{"imsi":"{}"}', "imsi={}"]),
    "vin": (vin, ["VIN: {}", "the car {} was sold", '{"vin":"{}"}', "Fahrgestellnummer {}"]),
    "date_of_birth": (
        birth,
        [
            "DOB: {}",
            "Date of birth: {}",
            "She was born on {} in Leeds.",
            '{"dateOfBirth":"{}"}',
            "geboren am {} in Köln",
            "Geburtsdatum: {}",
            "née le {} à Lyon",
            "Date de naissance : {}",
            "fecha de nacimiento: {}",
            "nato a Milano il {}",
            "geboortedatum {}",
            "data de nascimento: {}",
            "birth_date={}",
            "name,dob\nJane Doe,{}\n",
            "Patient (DOB {}) was seen",
        ],
    ),
    "age": (of_digits(2), ["Age: {}", '{"age": {}}', "Alter: {}", "aged {}", "âge : {}", "edad: {}"]),
    "gender": (one_of("male", "female", "M", "F"), ["Gender: {}", '{"gender":"{}"}', "Sex: {}"]),
    "username": (
        one_of("jdoe42", "maria.rossi", "h_mueller", "li-wei"),
        ["Username: {}", '{"username":"{}"}', "user_name={}", "Benutzername: {}", "login: {}"],
    ),
    "geo_coordinates": (
        one_of("48.8566, 2.3522", "-33.8688, 151.2093", "40.7128,-74.0060", "52.520008, 13.404954"),
        ["GPS: {}", "coordinates: {}", '{"latlng":"{}"}', "GPS coordinates are ({})"],
    ),
    "passport_mrz": (mrz, ["{}", "Scan:\n{}\nend", "MRZ: {}"]),
    "passport_number": (
        passport,
        [
            "Passport number: {}",
            "My passport is {}.",
            '{"passport_no":"{}"}',
            "Reisepassnummer {}",
            "n° de passeport {}",
            "pasaporte {}",
            "passaporto n. {}",
            "Passport No. {} issued in Berlin",
        ],
    ),
    "driver_licence": (
        licence,
        [
            "Driver's license: {}",
            "driving licence number {}",
            '{"driverLicense":"{}"}',
            "DL# {}",
            "Führerschein-Nr. {}",
            "permis de conduire n° {}",
            "licencia de conducir {}",
        ],
    ),
    "url_with_credentials": (credentials, ["DATABASE_URL={}", "clone it from {} now", "url: {}", '"{}"']),
    "card_cvv": (of_digits(3), ["CVV: {}", "cvc {}", "the security code is {}", '{"cvv":"{}"}', "Kartenprüfnummer {}"]),
    "card_expiry": (
        one_of("09/27", "12/2028", "03/31"),
        ["exp {}", "Expiry date: {}", "valid thru {}", "gültig bis {}"],
    ),
    "card_pin": (one_of("4821", "0937", "5512"), ["PIN: {}", "my PIN is {}", '{"pin":"{}"}', "Geheimzahl: {}"]),
    "us_npi": (npi, ["NPI: {}", "provider NPI {}", '{"npi":"{}"}', "NPI# {} on file"]),
    "us_dea": (dea, ["DEA: {}", "DEA number {}", '{"dea":"{}"}', "{}"]),
    "us_mbi": (mbi, ["MBI: {}", "Medicare {}", '{"mbi":"{}"}', "{}"]),
    "us_mrn": (of_digits(6, 7, 8), ["MRN: {}", "Medical record number {}", '{"mrn":"{}"}', "patient ID {}", "MRN #{}"]),
    "us_icd10": (
        one_of("E11.9", "J45.909", "S72.001A", "I10"),
        ["ICD-10: {}", "diagnosis code {}", '{"icd10":"{}"}', "Dx: {}"],
    ),
    "us_cpt": (one_of("99213", "80053", "J1885"), ["CPT {}", "procedure code {}", '{"cpt":"{}"}']),
    "us_ndc": (one_of("0002-7510-01", "50580-449-05", "00002751001"), ["NDC: {}", '{"ndc":"{}"}', "NDC {} dispensed"]),
}

NOISE = [
    "Order {12} was shipped on {iso}.",
    "Invoice no. {8}, total {price} EUR",
    "Tracking 1Z{CAPS6}{10}",
    "tracking number 9405 5{3} {4} {4} {4} {2}",
    "build {2}.{3}.{4}.{1} of the app",
    "version {1}.{2}.{1}",
    "Chrome/1{2}.0.0.0 Safari/537.36",
    "ISBN 978-{1}-{3}-{5}-{1}",
    "ISBN-10: {9}X",
    "EAN {13}",
    "ts=17{8}{3} level=info",
    "epoch 17{8}",
    "uuid {hex8}-{hex4}-4{hex3}-a{hex3}-{hex12}",
    "commit {hex40}",
    "sha256:{hex64}",
    "md5 {hex32}",
    "x={frac}, y={frac}",
    "points: [({frac}, {frac}), ({frac}, {frac})]",
    "The score was {1}-{1}, then {2}:{2}.",
    "We grew by {2}.{1} % in 20{2}.",
    "3.14159265358979{2} * {4} = {6}",
    "at {2}:{2}:{2} on {iso}",
    "{iso}T{2}:{2}:{2}.{3}Z GET /api/v1/items/{9} 200 {4}",
    "room {3}, floor {1}, seat {2}",
    "temperature {2}.{1} °C, pressure {4} hPa",
    "SKU {CAPS3}-{6}",
    "Flight {CAPS2}{4} departs at {2}:{2}",
    "page {3} of {3}",
    "chapter {1}.{1}.{1}.{1} explains it",
    "DOI 10.{4}/s{5}-0{2}-{5}-{1}",
    "item {4} {4} {4}",
    "values {4},{4},{4},{4}",
    "1 {1} 2 {1} 3 {1} 4 {1} 5 {1} 6 {1} 7 {1} 8 {1} 9",
    "std::vector<int> x{1}; a::b::c",
    "key_{hex16}",
    "ticket JIRA-{5}, PR #{4}",
    "price $ {price}, was $ {price}",
    "license key {CAPS5}-{CAPS5}-{CAPS5}-{CAPS5}",
    "arn:aws:iam::{12}:role/x",
    "AWS account {12}",
    "@{1}x {hex6} #{hex6}",
    "git@github.com:acme/repo.git",
    "npm i react@18.2.{1}",
    "Meeting at {2}.{2} in room B{3}",
    "lottery {2} {2} {2} {2} {2} {2}",
    "serial {CAPS2}{8}{CAPS2}",
    "My id is {9} I think",
    "customer {10} called",
    "PO-{8}/20{2}",
    "parcel JJD0{16}",
]


def negatives(seed: int, number: int) -> Iterator[Case]:
    """So many texts of each kind that look like something and are nothing."""
    chance = Chance(seed)
    for template in NOISE:
        for _ in range(number):
            yield Case(_noise(chance, template))


def _noise(chance: Chance, template: str) -> str:
    pieces = template.replace("}", "{").split("{")
    return "".join(_blank(chance, piece) if place % 2 else piece for place, piece in enumerate(pieces))


def _blank(chance: Chance, kind: str) -> str:
    if kind.isdigit():
        return digits(chance, int(kind))
    if kind.startswith("hex"):
        return "".join(chance.choices("0123456789abcdef", k=int(kind[3:])))
    if kind.startswith("CAPS"):
        return "".join(chance.choices(string.ascii_uppercase, k=int(kind[4:])))
    return {
        "iso": f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "price": f"{chance.randint(1, 9999)}.{chance.randint(0, 99):02}",
        "frac": repr(chance.random()),
    }[kind]
