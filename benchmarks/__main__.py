"""`python -m benchmarks [NAME …]`: all benchmarks, or those named, one after the other."""

import sys

from . import audit, dlp, dlp_scan, gateway, large_prompts, upstream_client, validators

BENCHMARKS = {
    "dlp": dlp.main,
    "dlp_scan": dlp_scan.main,
    "large_prompts": large_prompts.main,
    "audit": audit.main,
    "upstream_client": lambda: upstream_client.main([]),
    "gateway": gateway.main,
    "validators": validators.main,
}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
    for name in names:
        print(f"\n== {name}", flush=True)
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
