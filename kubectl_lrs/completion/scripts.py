"""The scripts that tell a shell to ask `__complete`, each for an executable's name. They need nothing but the shell itself.

`EXECUTABLE` stands for its name, `FUNCTION` for the same as a shell can call a function.
"""

from __future__ import annotations

import re

BASH = r"""# bash completion for EXECUTABLE
__complete_FUNCTION() {
    # What was typed up to the cursor, split at blanks alone: bash splits at = and : too.
    local line=${COMP_LINE:0:COMP_POINT} rest part words=() count=0 i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        part=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && part=$rest
        if ((count)) && [[ $line == "$rest" && -n $part ]]; then
            words[count - 1]+=$part
        else
            words[count]=$part
            ((count++))
        fi
        line=${rest#"$part"}
    done
    local current=${words[count - 1]} out directive command=${words[0]/#\~/$HOME}
    out=$("$command" __complete "${words[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    out=${out%:*}
    local before=
    if [[ $current == -*=* ]]; then
        [[ $COMP_WORDBREAKS == *=* ]] || before=${current%%=*}=
        current=${current#*=}
    fi
    COMPREPLY=()
    local candidate meaning width=0
    while IFS=$'\t' read -r candidate meaning; do
        [[ -n $candidate && $candidate == "$current"* ]] || continue
        COMPREPLY+=("$before$candidate")
    done <<<"$out"
    if ((${#COMPREPLY[@]} > 1)) && [[ $COMP_TYPE == 63 || $COMP_TYPE == 33 || $COMP_TYPE == 64 ]]; then
        # A list is shown, nothing is inserted: the meanings too.
        for candidate in "${COMPREPLY[@]}"; do
            ((${#candidate} > width)) && width=${#candidate}
        done
        COMPREPLY=()
        while IFS=$'\t' read -r candidate meaning; do
            [[ -n $candidate && $candidate == "$current"* ]] || continue
            printf -v candidate '%-*s  %s' "$width" "$before$candidate" "${meaning:+($meaning)}"
            COMPREPLY+=("${candidate:0:${COLUMNS:-80}-2}")
        done <<<"$out"
    elif ((${#COMPREPLY[@]} == 0 && directive & 16)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -d -- "$current")
    elif ((${#COMPREPLY[@]} == 0 && !(directive & 4))); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$current")
    fi
    ((directive & 2)) && compopt -o nospace 2>/dev/null
    ((directive & 32)) && compopt -o nosort 2>/dev/null
    return 0
}
complete -F __complete_FUNCTION EXECUTABLE
"""

ZSH = r"""#compdef EXECUTABLE
# zsh completion for EXECUTABLE
__complete_FUNCTION() {
    local out directive line name
    local -a lines shown options keep
    out=$("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null) || return 1
    lines=("${(@f)out}")
    directive=${lines[-1]#:}
    lines[-1]=()
    [[ $PREFIX == -*=* ]] && compset -P '*='
    for line in "${lines[@]}"; do
        name=${${line%%$'\t'*}//:/\\:}
        [[ $line == *$'\t'* ]] && name+=":${line#*$'\t'}"
        shown+=("$name")
    done
    ((directive & 2)) && options+=(-S '')
    ((directive & 32)) && keep=(-V)
    if ((${#shown})); then
        _describe $keep -t EXECUTABLE EXECUTABLE shown $options
    elif ((directive & 16)); then
        _files -/
    elif ((!(directive & 4))); then
        _files
    fi
}
compdef __complete_FUNCTION EXECUTABLE
"""

FISH = r"""# fish completion for EXECUTABLE
function __complete_FUNCTION
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l out ($words[1] __complete $words[2..] "$current" 2>/dev/null)
    or return
    set -l directive (string sub -s 2 -- $out[-1])
    set -e out[-1]
    set -l before (string match -r -- '^-[^=]*=' "$current")
    if test (count $out) -gt 0
        for line in $out
            echo -- "$before$line"
        end
    else if test (math "floor($directive / 16) % 2") -eq 1
        __fish_complete_directories "$current"
    else if test (math "floor($directive / 4) % 2") -eq 0
        __fish_complete_path "$current"
    end
end
complete -c EXECUTABLE -e
complete -c EXECUTABLE -f -k -a '(__complete_FUNCTION)'
"""

POWERSHELL = r"""# PowerShell completion for EXECUTABLE
Register-ArgumentCompleter -Native -CommandName 'EXECUTABLE' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object {
        $_.Extent.Text.Substring(0, [Math]::Min($_.Extent.Text.Length, $cursorPosition - $_.Extent.StartOffset))
    })
    $words = @($typed | Select-Object -Skip 1)
    if ($wordToComplete -eq '') {
        # Before 7.3, an empty word is lost on its way to a program unless it is quoted.
        $words += if ($PSNativeCommandArgumentPassing -and $PSNativeCommandArgumentPassing -ne 'Legacy') { '' } else { '""' }
    }
    $out = @(& $typed[0] __complete @words 2>$null)
    if ($LASTEXITCODE -ne 0 -or $out.Count -eq 0) { return }
    $directive = [int]$out[-1].Substring(1)
    $before = if ($wordToComplete -match '^-[^=]*=') { $Matches[0] } else { '' }
    $space = if ($directive -band 2) { '' } else { ' ' }
    $found = @($out | Select-Object -SkipLast 1 | ForEach-Object {
        $candidate, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $candidate }
        [System.Management.Automation.CompletionResult]::new("$before$candidate$space", $candidate, 'ParameterValue', $meaning)
    })
    if ($found.Count -eq 0 -and $directive -band 4) { return '' }
    $found
}
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}


def script(shell: str, executable: str) -> str:
    """The script of one of `SCRIPTS` for the executable's name."""
    return SCRIPTS[shell].replace("EXECUTABLE", executable).replace("FUNCTION", re.sub(r"\W", "_", executable))
