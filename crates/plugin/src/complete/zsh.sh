#compdef kubectl-moco
# Completes kubectl-moco in zsh: source <(kubectl-moco completion zsh), or as _kubectl-moco in $fpath.
_kubectl_moco() {
    local line files
    local -a found
    while IFS='' read -r line; do
        case $line in
        :0) files=1 ;;
        :*) ;;
        *)
            line=${line//:/\\:}
            found+=("${line/$'\t'/:}")
            ;;
        esac
    done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if [[ -n $files ]]; then
        _files
    else
        _describe 'kubectl moco' found
    fi
}
compdef _kubectl_moco kubectl-moco
