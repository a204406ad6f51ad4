# Completes kubectl-moco in bash: source <(kubectl-moco completion bash)
_kubectl_moco() {
    local line
    COMPREPLY=()
    while IFS='' read -r line; do
        case $line in
        :0) compopt -o default ;;
        :*) ;;
        *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _kubectl_moco kubectl-moco
