"""The compiled loops of the DLP engine. It knows buffers and offsets, not policy; its face is `_dlp.pyi`."""

cimport cython
from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact, PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport PyObject
from cpython.set cimport PySet_Contains
from cpython.unicode cimport (
    PyUnicode_CheckExact, PyUnicode_DATA, PyUnicode_DecodeUTF8, PyUnicode_FindChar, PyUnicode_GET_LENGTH,
    PyUnicode_KIND, PyUnicode_READ,
)

import array
from re import compile as compile_expression

from libc.math cimport log2
from libc.string cimport memcmp, memcpy, memset

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from *:
    int __builtin_ctzll(unsigned long long bits) noexcept nogil
    int __builtin_clz(unsigned int bits) noexcept nogil

cdef enum:
    DROPPED = 0xFF  # the value of a page's byte that says "this code point leaves no trace"
    PAGES = 0x1100
    # Ends of triggers no further apart than this are one stretch: the confirm pass looks further around each anyway.
    GAP_MAX = 32
    # How far behind its end a hint may speak of triggers. Contexts reach some dozens of characters.
    HINT_REACH_MAX = 0xFFFF
    # Values nested deeper are not walked: each level takes a frame of the C stack, and threads have little of it.
    DEPTH_MAX = 1024

cdef:
    # Widths and single texts are no longer, so that sums of a few of them stay far from what a size can hold.
    Py_ssize_t TEXT_MAX = 1 << 32
    Py_ssize_t LENGTH_MAX = 1 << 60

# What arrays of places are cloned from: four bytes for each, since no scanned text comes near 4 GiB.
cdef array.array _UINTS = array.array("I")
cdef array.array _INTS = array.array("i")

# What stands before the first character of a text; no guard may contain it.
EDGE = b"\n"

include "dlp/compiled/folding.pxi"
include "dlp/compiled/live.pxi"
include "dlp/compiled/automaton.pxi"
include "dlp/compiled/shapes.pxi"
include "dlp/compiled/stretches.pxi"
include "dlp/compiled/surroundings.pxi"
include "dlp/compiled/matching.pxi"
include "dlp/compiled/tracking.pxi"
include "dlp/compiled/redacting.pxi"
include "dlp/compiled/strings.pxi"
include "dlp/compiled/deltas.pxi"
include "dlp/compiled/checksums.pxi"
include "dlp/compiled/tokens.pxi"
include "dlp/compiled/hints.pxi"
include "dlp/compiled/keccak.pxi"
