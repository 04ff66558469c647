# Redaction: what leaves, joined, is the redaction of the whole text, however it was cut.


cdef enum:
    # Alerts hold nothing back, so their rules may look at the text in larger bites than a delta.
    ALERT_BATCH_CHARS = 4096
    BLOCKS = 3  # the strength of an action


ALERT_BATCH = ALERT_BATCH_CHARS


# Findings and verdicts hold names, numbers and texts, which are never part of a cycle of garbage.
@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Finding:
    """One match; offsets are code points of the text as it came."""

    cdef:
        readonly str rule, category, action
        readonly Py_ssize_t start, end

    def __init__(self, str rule not None, str category not None, str action not None, Py_ssize_t start, Py_ssize_t end):
        self.rule, self.category, self.action, self.start, self.end = rule, category, action, start, end

    cdef tuple _fields(self):
        return self.rule, self.category, self.action, self.start, self.end

    def __eq__(self, other):
        return isinstance(other, Finding) and self._fields() == (<Finding> other)._fields()

    def __hash__(self):
        return hash(self._fields())

    def __repr__(self):
        return "Finding(rule=%r, category=%r, action=%r, start=%d, end=%d)" % self._fields()


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Scan:
    """The verdict on one text: `action` is the strongest of its findings, "none" when there is none.

    `redacted` has a placeholder in place of every redact and block finding; it is the text itself, the same object,
    when there was none.
    """

    cdef readonly tuple findings
    cdef readonly str action, redacted

    def __init__(self, tuple findings not None, str action not None, str redacted not None):
        self.findings, self.action, self.redacted = findings, action, redacted

    cdef tuple _fields(self):
        return self.findings, self.action, self.redacted

    def __eq__(self, other):
        return isinstance(other, Scan) and self._fields() == (<Scan> other)._fields()

    def __hash__(self):
        return hash(self._fields())

    def __repr__(self):
        # Never text: what is printed may be logged.
        return "Scan(findings=%r, action=%r)" % (self.findings, self.action)


cdef Scan verdict_on(tuple findings, str action, str redacted):
    cdef Scan scan = Scan.__new__(Scan)
    scan.findings, scan.action, scan.redacted = findings, action, redacted
    return scan


cdef Finding found_in(Cut cut, Py_ssize_t start, Py_ssize_t end):
    cdef Finding finding = Finding.__new__(Finding)
    cdef Matcher matcher = cut.matcher
    finding.rule, finding.category, finding.action = matcher.rule, matcher.category, matcher.action
    finding.start, finding.end = start, end
    return finding


cdef list settled(list findings):
    """In the order of the text, without alerts about text that is redacted or blocked anyway.

    Those that act come in order and do not overlap each other, and so do the alerts.
    """
    cdef:
        Finding finding, acting
        list kept = []
        list actings = [finding for finding in findings if finding.action != "alert"]
        Py_ssize_t index = 0, count = len(actings)
    if count == len(findings) or count == 0:
        return findings
    for finding in findings:
        if finding.action != "alert":
            continue
        while index < count and (<Finding> actings[index]).end <= finding.start:
            kept.append(actings[index])
            index += 1
        if index == count or (<Finding> actings[index]).start >= finding.end:
            kept.append(finding)
    return kept + actings[index:]


def judge(str text not None, bytes window not None, Folding folding not None, dict ends not None,
          Detector acting not None, Detector alerts not None) -> Scan:
    """The verdict on a whole text. `window` is that of its shadow, and `ends` are where triggers end in it."""
    cdef:
        list findings = []
        list cursors, cuts
        Detector detector
        Cut cut
        array.array places = None
    for detector in (acting, alerts):
        cursors = detector.cursors(window, ends, 1)
        if cursors is None:
            continue
        cuts = Tracker(detector).whole(window, cursors)
        if len(window) != PyUnicode_GET_LENGTH(text) + 1 and places is None and cuts:
            _, places = folding.fold(text)
            if places is None or len(places) + 1 != len(window):
                raise ValueError("the window is not that of the text")
        for cut in cuts:
            if places is None:
                findings.append(found_in(cut, cut.start, cut.end))
            else:
                findings.append(
                    found_in(cut, places.data.as_uints[cut.start], places.data.as_uints[cut.end - 1] + 1)
                )
    if not findings:
        return verdict_on((), "none", text)
    findings = settled(findings)
    return verdict_on(tuple(findings), strongest(findings), redacted(text, findings))


def strongest(findings) -> str:
    """The strongest action of some findings."""
    cdef:
        Finding finding
        bint redacts = False
    for finding in findings:
        if finding is None:
            raise TypeError("None is no finding")
        if finding.action == "block":
            return "block"
        redacts = redacts or finding.action == "redact"
    return "redact" if redacts else "alert"


def ends_by_text(dict ends not None, starts) -> dict:
    """The ends inside each of some joined texts, by its number and counted from its own edge.

    `starts` tells where the texts begin, and where one more would. On what separates two texts an end is in neither.
    """
    cdef:
        dict texts = {}
        array.array own_starts = array.array("q", starts), stretches, own
        const long long* begins = own_starts.data.as_longlongs
        Py_ssize_t count = len(own_starts), index, number, low, middle
        long long first, last, begin, end
    for pattern, found in ends.items():
        stretches = found
        check_stretches(stretches)
        for index in range(0, len(stretches), 2):
            if index + 1 >= len(stretches):  # what is a key may have changed it, as anybody's code
                break
            first, last = stretches.data.as_uints[index], stretches.data.as_uints[index + 1]
            low, number = 0, count
            while low < number:
                middle = (low + number) // 2
                if begins[middle] <= first - 2:
                    low = middle + 1
                else:
                    number = middle
            number = max(low - 1, 0)
            while number + 1 < count and begins[number] + 2 <= last:
                begin = max(first - begins[number], 2)
                end = min(last, begins[number + 1]) - begins[number]
                if begin <= end and end <= 0xFFFFFFFF:
                    known = texts.get(number)
                    if known is None:
                        known = texts[number] = {}
                    own = known.get(pattern)
                    if own is None:
                        own = known[pattern] = array.clone(_UINTS, 0, False)
                    array.resize_smart(own, len(own) + 2)
                    own.data.as_uints[len(own) - 2] = <unsigned int> begin
                    own.data.as_uints[len(own) - 1] = <unsigned int> end
                number += 1
    return texts


def redacted(str text not None, findings) -> str:
    """The text with a placeholder in place of every finding that redacts or blocks; itself when there is none."""
    cdef:
        list pieces = []
        Py_ssize_t at = 0
        Finding finding
    for finding in findings:
        if finding is None:
            raise TypeError("None is no finding")
        if finding.action != "alert":
            pieces.append(text[at : finding.start])
            pieces.append(f"[REDACTED:{finding.rule}]")
            at = finding.end
    if not pieces:
        return text
    pieces.append(text[at:])
    return "".join(pieces)


cdef class Offsets:
    """Where the bytes of a growing shadow stand in their text.

    One piece for each stretch that was folded; plain text, where nothing is dropped, stays one piece however long.
    """

    cdef:
        readonly Py_ssize_t shadow_length, text_length
        list _pieces  # (first byte, its code point, offsets from that code point or None for one by one)

    def __cinit__(self):
        self._pieces = [(0, 0, None)]

    cpdef int extend(self, Py_ssize_t length, Py_ssize_t shadow_length, array.array offsets) except -1:
        cdef Py_ssize_t last_byte, last_code_point
        if not (0 <= shadow_length <= length <= TEXT_MAX and self.text_length <= LENGTH_MAX):
            raise ValueError("a shadow is as long as its text, or shorter; and no text is longer than 4 GiB")
        last_byte, last_code_point, last_offsets = self._pieces[len(self._pieces) - 1]
        if (offsets is not None or last_offsets is not None
                or self.text_length - self.shadow_length != last_code_point - last_byte):
            self._pieces.append((self.shadow_length, self.text_length, offsets))
        self.shadow_length += shadow_length
        self.text_length += length
        return 0

    cpdef Py_ssize_t of(self, Py_ssize_t byte) except -1:
        """The offset of a byte's code point."""
        cdef Py_ssize_t first_byte, code_point
        cdef Py_ssize_t number = self._piece(byte)
        if number < 0:
            raise IndexError("it was forgotten, or never was")
        first_byte, code_point, offsets = self._pieces[number]
        return code_point + (byte - first_byte if offsets is None else offsets[byte - first_byte])

    cpdef int forget(self, Py_ssize_t byte) except -1:
        """What stands before `byte` will not be asked for again."""
        if len(self._pieces) > 1:
            del self._pieces[: max(0, self._piece(byte))]
        return 0

    cdef Py_ssize_t _piece(self, Py_ssize_t byte):
        """The number of the piece that a byte is in."""
        cdef Py_ssize_t low = 0, high = len(self._pieces), middle
        while low < high:
            middle = (low + high) // 2
            if <Py_ssize_t> (<tuple> self._pieces[middle])[0] <= byte:
                low = middle + 1
            else:
                high = middle
        return low - 1


cdef class Redactor:
    """Text goes in by `feed`; what may leave comes out, and the rest with `finish`.

    `findings` are complete after `finish`, or as soon as `blocked` is true: then a block rule has matched, and its span
    and everything after it never leaves. With `goes_on` a block rule's match is replaced as others are.
    """

    cdef:
        readonly list findings
        readonly bint blocked
        Folding _folding
        Tracker _acting
        Tracker _alerts  # None when no rule alerts
        Offsets _offsets
        str _text  # from `_text_start` on; what of it has not left begins at `_left`
        Py_ssize_t _text_start, _left
        Py_ssize_t _open_start, _open_alert  # where the cuts begin that are still open, -1 when none is
        list _unwatched  # the shadow that the alert rules have not seen, from `_watched` on
        Py_ssize_t _watched
        bint _goes_on

    def __cinit__(self, Folding folding not None, Detector acting not None, Detector alerts not None, *,
                  dict ends=None, bint goes_on=False):
        self.findings = []
        self._folding = folding
        self._acting = Tracker(acting, ends=ends)
        self._alerts = Tracker(alerts, ends=ends) if alerts.matchers else None
        self._offsets = Offsets()
        self._open_start = self._open_alert = -1
        self._text = ""
        self._unwatched = []
        self._goes_on = goes_on

    @property
    def held(self) -> int:
        """Code points that were fed and have not left."""
        return self._offsets.text_length - self._left

    cpdef str feed(self, str delta):
        return "" if self.blocked else self._advance(delta, False)

    cpdef str finish(self):
        return "" if self.blocked else self._advance("", True)

    def whole(self, str text not None) -> str:
        """`feed` and `finish` in one step."""
        return self._advance(text, True)

    cdef str _advance(self, str delta, bint final):
        cdef:
            bytes shadow
            list cuts
            Py_ssize_t decided
            str leaving
        shadow, offsets = self._folding.fold(delta)
        self._offsets.extend(len(delta), len(shadow), offsets)
        if self._alerts is not None:
            self._unwatched.append(shadow)
        cuts = self._acting.feed(shadow, final)
        decided = self._acting.decided
        if not cuts and not self._text and decided == self._offsets.shadow_length:
            self._left = self._text_start = self._offsets.text_length
            leaving = delta
        else:
            self._text += delta
            leaving = self._leave(cuts, decided)
            self._text = self._text[self._left - self._text_start :]
            self._text_start = self._left
        if not self.blocked:
            self._watch(decided, final)
        return leaving

    cdef str _leave(self, list cuts, Py_ssize_t decided):
        """What leaves of the held text when `decided` bytes of its shadow are."""
        cdef:
            list pieces = []
            Cut cut
            Py_ssize_t start, end
        for cut in cuts:
            start, end = self._open_start, self._offsets.of(cut.end - 1) + 1
            if start < 0:
                start = self._offsets.of(cut.start)
                pieces.append(self._take(start))
                if cut.matcher.strength == BLOCKS and not self._goes_on:
                    self._block(cut, start)
                    return "".join(pieces)
                pieces.append(cut.matcher.placeholder)
            self._take(end)
            if cut.open:
                self._open_start = start
                return "".join(pieces)
            self._open_start = -1
            self.findings.append(found_in(cut, start, end))
        # A code point that leaves no trace in the shadow leaves with what stands before it.
        if decided == self._offsets.shadow_length:
            pieces.append(self._take(self._offsets.text_length))
        else:
            pieces.append(self._take(self._offsets.of(decided)))
        return "".join(pieces)

    cdef str _take(self, Py_ssize_t end):
        """The held text up to `end`, which is held no longer."""
        cdef str taken = self._text[self._left - self._text_start : end - self._text_start]
        self._left = end
        return taken

    cdef int _block(self, Cut cut, Py_ssize_t start) except -1:
        """Nothing more leaves. The finding ends with the core: a run that goes on may not have arrived yet."""
        self.blocked = True
        self._text = ""
        self._watch(cut.start, True)
        self.findings.append(found_in(cut, start, self._offsets.of(cut.core_end - 1) + 1))
        return 0

    cdef int _watch(self, Py_ssize_t decided, bint final) except -1:
        """Show the alert rules what is decided, when it is enough to be worth a scan."""
        cdef:
            bytes shadow
            Cut cut
            Py_ssize_t start
        # An open cut may end with the last byte that is decided, so that one is not forgotten.
        if self._alerts is None:
            self._offsets.forget(decided - 1)
            if final:
                self.findings = settled(self.findings)
            return 0
        if not final and decided - self._watched < ALERT_BATCH_CHARS:
            return 0
        shadow = b"".join(self._unwatched)
        self._unwatched = [shadow[decided - self._watched :]]
        shadow = shadow[: decided - self._watched]
        self._watched = decided
        for cut in self._alerts.feed(shadow, final):
            start = self._offsets.of(cut.start) if self._open_alert < 0 else self._open_alert
            self._open_alert = start if cut.open else -1
            if not cut.open:
                self.findings.append(found_in(cut, start, self._offsets.of(cut.end - 1) + 1))
        self._offsets.forget(self._alerts.decided - 1)
        if final:
            self.findings = settled(self.findings)
        return 0
