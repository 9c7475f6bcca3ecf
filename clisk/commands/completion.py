"""completion: what a shell needs to complete commands and options."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Write the script by which a shell completes commands and options.

    \b
    Set it up once:
      bash   echo 'eval "$(clisk completion bash)"' >> ~/.bashrc
      zsh    echo 'eval "$(clisk completion zsh)"' >> ~/.zshrc
      fish   clisk completion fish > ~/.config/fish/completions/clisk.fish

    \b
    Example:
      clisk completion bash
    """
    from click.shell_completion import get_completion_class

    from clisk.root import clisk

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells of the choice above"
    complete = kind(clisk, {}, "clisk", "_CLISK_COMPLETE")
    # Not source(): it starts bash to look at its version.
    click.echo(complete.source_template % complete.source_vars())
