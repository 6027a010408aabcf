# bash completion for aiofs(8). The options come from `aiofs --help`, so that they are those of the installed version.

_aiofs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=
	[ "$COMP_CWORD" -gt 1 ] && command=${COMP_WORDS[1]}
	# `=` is a word by itself in COMP_WORDS.
	if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
	case $prev in
	--engine | engine | *,engine)
		mapfile -t COMPREPLY < <(compgen -W 'auto uring threads' -- "$cur")
		return
		;;
	-o)
		local before= names
		names=$("$1" --help | sed -n 's/^  --\([a-z-]*\) [A-Z][A-Z]* .*/\1=/p; t; s/^  --\([a-z-]*\)  .*/\1/p' | sed '/^version$/d; /^help$/d; y/-/_/')
		case $cur in *,*) before=${cur%,*}, ;; esac
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$names" -- "${cur##*,}")
		case ${COMPREPLY[*]} in *=) compopt -o nospace ;; esac
		return
		;;
	esac
	case $cur in
	-*)
		local flags
		case $command in
		top) flags='--interval --once --json --help' ;;
		*) flags=$("$1" --help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p')' -o -f' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
		;;
	*)
		mapfile -t COMPREPLY < <(
			[ "$COMP_CWORD" -eq 1 ] && compgen -W 'top demo bench' -- "$cur"
			compgen -d -- "$cur"
		)
		;;
	esac
}
complete -F _aiofs aiofs
