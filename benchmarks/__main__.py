"""`python -m benchmarks [NAME …]`: all benchmarks, or those named, one after the other."""

import sys

from . import (
    audit,
    dlp,
    dlp_scan,
    dlp_worst,
    gateway,
    large_prompts,
    stream_law,
    upstream_client,
    validators,
)

BENCHMARKS = {
    "dlp": dlp.main,
    "dlp_scan": dlp_scan.main,
    "large_prompts": large_prompts.main,
    "dlp_worst": dlp_worst.main,
    "audit": audit.main,
    "upstream_client": lambda: upstream_client.main([]),
    "gateway": gateway.main,
    "validators": validators.main,
}
# Run by name alone: they take minutes, and their words are not names of benchmarks.
WITH_ARGUMENTS = {"stream_law": stream_law.main}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    if names[0] in WITH_ARGUMENTS:
        WITH_ARGUMENTS[names[0]](names[1:])
        return
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
    for name in names:
        print(f"\n== {name}", flush=True)
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
