"""Every limit of the upstream client, in one place. A figure without a source is our own choice, and says for what."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What one worker allows itself and an upstream. Durations are seconds, sizes bytes; each must be above zero."""

    # Connections to one upstream, per worker. Every open stream holds one, so this is also the most streams at once.
    connections_max: int = 512
    # Requests that may wait for a connection; one more is refused at once rather than left to queue for nothing.
    pool_waiters_max: int = 1024
    # How long a request may wait for a connection. Longer, and its caller is better served by another target.
    pool_wait_s: float = 5.0
    # Keep-alive time. Node closes idle connections after 5 s, uvicorn too, nginx after 75 s: leave before most do.
    idle_s: float = 4.0
    # Name resolution, TCP and TLS together.
    connect_timeout_s: float = 5.0
    # From the start of sending until the head of the final answer is whole. A model that does not stream sends
    # nothing before its whole answer is made, so this is minutes.
    first_byte_timeout_s: float = 300.0
    # Between two pieces of the body. Models that think may be silent for a minute or two inside a stream.
    idle_timeout_s: float = 120.0
    # The whole exchange, waiting for a connection included. The OpenAI SDKs give up after 600 s.
    total_timeout_s: float = 900.0
    # Status line and headers, informational answers included. Node allows 16 KiB, nginx and Apache 8 KiB a line.
    head_bytes_max: int = 32 * 1024
    header_line_bytes_max: int = 16 * 1024
    header_count_max: int = 128
    # What may follow the last byte of the body, and what chunk framing may take without bringing any body.
    trailer_bytes_max: int = 8 * 1024
    # Body bytes kept for a slow reader before the upstream is made to wait; one more read may come on top.
    buffer_high_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} must be above zero")
