"""`synapse dlp`: the rules that texts are scanned with, and the policies that say which."""

import typer

from . import dlp_check, dlp_explain, dlp_rules, dlp_scan, dlp_versions

app = typer.Typer(help="Data-loss prevention: rules and policies.", no_args_is_help=True)
app.command()(dlp_scan.scan)
app.command()(dlp_explain.explain)
app.command()(dlp_rules.rules)
app.command()(dlp_rules.bench)
app.command()(dlp_check.check)
app.command()(dlp_versions.apply)
app.command()(dlp_versions.export)
app.command()(dlp_versions.history)
app.command()(dlp_versions.rollback)
