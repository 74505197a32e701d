"""Completion of the command line in a shell: a script made of what the parsers know."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["SHELLS", "completion"]

SHELLS = ("bash", "zsh", "fish")


class _Option(NamedTuple):
    flags: list[str]
    words: list[str] | None
    """What may follow; empty: anything, files are offered; None: nothing follows."""
    help: str


class _Level(NamedTuple):
    """A command: the words that led there, the commands below it, its options."""

    path: tuple[str, ...]
    commands: dict[str, str]
    options: list[_Option]


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for one of `SHELLS`, for ``eval`` or a file of the shell's completions."""
    levels = list(_levels(parser, ()))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](parser.prog, levels)


def _levels(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[_Level]:
    parser.format_help()  # a parser of a model's settings adds them when it is used
    below: dict[str, argparse.ArgumentParser] = {}
    commands: dict[str, str] = {}
    options = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = dict(action.choices)
            helps = {str(a.dest): str(a.help or "") for a in action._choices_actions}
            commands = {name: helps.get(name, "") for name in below}
        elif action.option_strings and action.help != argparse.SUPPRESS:
            text = (action.help or "").replace("%%", "%")
            options.append(_Option(list(action.option_strings), _values(action), text))
    yield _Level(path, commands, options)
    for name, its in below.items():
        yield from _levels(its, (*path, name))


def _values(action: argparse.Action) -> list[str] | None:
    if action.nargs == 0:
        return None
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    shown = action.metavar if isinstance(action.metavar, str) else ""
    # names of a setting stand in its metavar, with "N" and the like for what is no name
    names = shown.replace("[", "").replace("]", "").split("/") if "/" in shown else []
    return [name for name in names if name and name == name.lower() and "," not in name]


def _cases(levels: list[_Level]) -> Iterator[tuple[str, str]]:
    """For bash and zsh: (pattern of "path:word before", words to offer)."""
    for level in levels:
        path = " ".join(level.path)
        for option in level.options:
            if option.words is not None:
                pattern = "|".join(f'"{path}:{flag}"' for flag in option.flags)
                yield pattern, " ".join(option.words)
    for level in levels:
        words = [*level.commands, *(flag for option in level.options for flag in option.flags)]
        yield f'"{" ".join(level.path)}:"*', " ".join(words)


def _body(levels: list[_Level], words: str, count: str, first: int) -> str:
    """The part that bash and zsh share: finds the command, and puts what may follow into ``offered``."""
    paths = "|".join(f'"{" ".join(level.path)}"' for level in levels if level.path)
    cases = "\n".join(f'    {pattern}) offered="{found}" ;;' for pattern, found in _cases(levels))
    return f"""  local path= before= offered= i word
  for ((i = {first}; i < {count}; i++)); do
    word="${{{words}[i]}}"
    case "${{path:+$path }}$word" in
      {paths}) path="${{path:+$path }}$word" ;;
    esac
    before="$word"
  done
  case "$path:$before" in
{cases}
  esac
"""


def _bash(prog: str, levels: list[_Level]) -> str:
    return f"""# completion of {prog} for bash: eval "$({prog} --print-completion bash)"
_{prog}() {{
{_body(levels, "COMP_WORDS", "COMP_CWORD", 1)}  COMPREPLY=()
  local current="${{COMP_WORDS[COMP_CWORD]}}"
  for word in $offered; do
    case "$word" in
      -*) [[ "$current" == -* && "$word" == "$current"* ]] && COMPREPLY+=("$word") ;;
      *) [[ "$word" == "$current"* ]] && COMPREPLY+=("$word") ;;
    esac
  done
}}
complete -o default -o bashdefault -F _{prog} {prog}
"""


def _zsh(prog: str, levels: list[_Level]) -> str:
    return f"""#compdef {prog}
# completion of {prog} for zsh: eval "$({prog} --print-completion zsh)"
_{prog}() {{
{_body(levels, "words", "CURRENT", 2)}  local -a found
  found=(${{=offered}})
  [[ "$words[CURRENT]" == -* ]] || found=(${{found:#-*}})
  if (( $#found )); then compadd -- $found; else _files; fi
}}
compdef _{prog} {prog}
"""


def _fish(prog: str, levels: list[_Level]) -> str:
    lines = [f"# completion of {prog} for fish: {prog} --print-completion fish | source"]
    paths = " ".join(f"'{' '.join(level.path)}'" for level in levels if level.path)
    lines.append(
        f"""function __{prog}_at
  set -l path
  for word in (commandline -opc)[2..-1]
    if contains -- (string join ' ' $path $word) {paths}
      set -a path $word
    end
  end
  test "$path" = "$argv[1]"
end"""
    )
    for level in levels:
        at = f"-n \"__{prog}_at '{' '.join(level.path)}'\""
        lines += [
            f"complete -c {prog} -f {at} -a {name} -d {_quoted(text)}"
            for name, text in level.commands.items()
        ]
        for option in level.options:
            flags = " ".join(
                f"-l {f[2:]}" if f[:2] == "--" else f"-s {f[1:]}" for f in option.flags
            )
            takes = ""
            if option.words is not None:
                takes = f" -x -a {_quoted(' '.join(option.words))}" if option.words else " -r"
            lines.append(f"complete -c {prog} {at} {flags}{takes} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"
