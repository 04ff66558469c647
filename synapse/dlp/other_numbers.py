"""Words for numbers of other kinds: an order's, a parcel's, a version's. What follows one is no number of a person.

A checksum that one number in a hundred passes is proof where nothing is said of the number, and none in a shop's mail.
"""

# Nothing else may stand between such a word and the number: "Order no. 123", "orderId=123", "Rechnungs-Nr.: 123".
BETWEEN = (
    r"(?:[ _-]?(?:[Nn]\.?(?:[or]|um|umber|ummer|umero)?|N[OR]|NUM|NUMBER|[Ii][Dd]|[Cc]ode|CODE|is|ist|est|es)\.?)"
    r"{0,2}[^0-9A-Za-z\n,;|\xc0-\xff]{0,4}"
)

_NAMES = (
    *("order", "invoice", "tracking", "shipment", "parcel", "part", "serial", "item", "article", "ticket", "batch"),
    *("case", "booking", "transaction", "confirmation", "reference"),
)
WORDS = (
    # In camelCase the rest of the name is a part of the word.
    *(f"{word} {number}" for word in _NAMES for number in ("id", "no", "number", "ref", "code")),
    # Orders and bills.
    *("order", "purchase order", "po", "invoice", "quote", "quotation", "receipt", "voucher", "coupon", "ticket"),
    *("Bestellung*", "Bestellnummer", "Bestell-Nr", "Auftrag*", "Rechnung*", "Lieferschein*", "Quittung*"),
    *(
        "commande",
        "bon de commande",
        "facture",
        "devis",
        "pedido",
        "factura",
        "ordine",
        "fattura",
        "encomenda",
        "fatura",
    ),
    *("bestelling", "bestelnummer", "factuur*", "ordre*", "faktura*", "fakturanummer", "tilaus*", "lasku*"),
    *("zamówienie", "zamówienia", "faktury", "objednávka", "objednávky", "rendelés", "számla", "comandă", "sipariş"),
    *("заказ*", "накладная", "счёт-фактура", "παραγγελία*", "τιμολόγιο*", "طلب", "الطلب", "הזמנה", "חשבונית"),
    *("订单", "订单号", "訂單", "发票号码", "發票號碼", "注文番号", "請求書番号", "주문번호", "คำสั่งซื้อ", "ใบสั่งซื้อ"),
    # Files of a case, bookings, payments.
    *("reference", "ref", "booking", "reservation", "confirmation", "transaction", "txn", "Referenz*", "Aktenzeichen"),
    *("Vorgang*", "Buchung*", "référence", "réf", "dossier", "réservation", "referencia", "expediente", "reserva"),
    *("riferimento", "pratica", "prenotazione", "referência", "referentie", "dossiernummer", "zaaknummer"),
    # Parcels.
    *(
        "tracking",
        "shipment",
        "parcel",
        "consignment",
        "waybill",
        "Sendung*",
        "Paket*",
        "Frachtbrief*",
        "colis",
        "suivi",
    ),
    *("envío", "seguimiento", "spedizione", "rastreamento", "rastreio", "zending", "przesyłka", "przesyłki"),
    *("运单号", "快递单号", "快遞單號", "追跡番号", "お問い合わせ番号", "송장번호", "운송장번호"),
    # Goods and parts.
    *("part", "p/n", "s/n", "serial", "sku", "article", "model", "batch", "lot", "asset tag"),
    *("barcode", "isbn", "issn", "ean", "upc", "gtin", "asin", "Artikel*", "Teilenummer", "Seriennummer", "Modell"),
    *("Charge", "Chargennummer", "artículo", "articolo", "modelo", "modello", "modèle", "lote", "lotto", "artikel*"),
    *("série", "serie", "serienummer", "артикул"),
    # Versions and places in a text.
    *("version", "fileversion", "assemblyversion", "productversion", "ver", "firmware", "build", "release", "revision"),
    *(
        "release notes",
        "rev",
        "versión",
        "versione",
        "versão",
        "versie",
        "wersja",
        "версия",
        "版本",
        "バージョン",
        "버전",
    ),
    *(
        "section",
        "chapter",
        "clause",
        "paragraph",
        "page",
        "figure",
        "row",
        "Abschnitt",
        "Kapitel",
        "Seite",
        "chapitre",
    ),
    *("capítulo", "capitolo", "oid"),
    # What programs count, draw and name.
    *("epoch", "timestamp", "checksum", "commit", "nonce", "seed", "offset", "port", "pid", "pmid", "doi", "counter"),
)
