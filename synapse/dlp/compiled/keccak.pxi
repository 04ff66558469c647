# Keccak-256 as Ethereum uses it: the padding of the submission to NIST (2011), which is not that of SHA3-256. In plain
# Python one hash costs 300 µs, and a text of 100 KB can have two thousand addresses.

cdef enum:
    KECCAK_RATE = 136  # bytes of the message for each permutation

# FIPS 202: the constants of iota, and what rho and pi do to the lanes in the order in which pi visits them.
cdef unsigned long long[24] _IOTA = [
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]
cdef int[24] _RHO = [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44]
cdef int[24] _PI = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1]


def keccak256(bytes message not None) -> bytes:
    """The hash of a message, 32 bytes."""
    cdef unsigned long long[25] lanes
    cdef Py_ssize_t length = len(message) // KECCAK_RATE * KECCAK_RATE + KECCAK_RATE
    cdef bytearray padded = bytearray(length)
    cdef unsigned char[::1] block = padded
    cdef Py_ssize_t at, place
    padded[:len(message)] = message
    block[len(message)] ^= 0x01
    block[length - 1] ^= 0x80
    for place in range(25):
        lanes[place] = 0
    for at in range(0, length, KECCAK_RATE):
        for place in range(KECCAK_RATE):
            lanes[place // 8] ^= <unsigned long long>block[at + place] << (8 * (place % 8))
        _permute(lanes)
    return b"".join([int(lanes[place]).to_bytes(8, "little") for place in range(4)])


cdef void _permute(unsigned long long* lanes) noexcept nogil:
    cdef unsigned long long[5] column
    cdef unsigned long long lane, moved
    cdef int turn, x, y
    for turn in range(24):
        for x in range(5):
            column[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
        for x in range(5):
            lane = column[(x + 1) % 5]
            moved = column[(x + 4) % 5] ^ (lane << 1 | lane >> 63)
            for y in range(0, 25, 5):
                lanes[x + y] ^= moved
        moved = lanes[1]
        for x in range(24):
            lane = lanes[_PI[x]]
            lanes[_PI[x]] = moved << _RHO[x] | moved >> (64 - _RHO[x])
            moved = lane
        for y in range(0, 25, 5):
            for x in range(5):
                column[x] = lanes[x + y]
            for x in range(5):
                lanes[x + y] = column[x] ^ (~column[(x + 1) % 5] & column[(x + 2) % 5])
        lanes[0] ^= _IOTA[turn]
