# Completes kubectl-moco in fish: kubectl-moco completion fish | source
function __kubectl_moco_answer
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    $words[1] __complete -- $words[2..-1] "$typed" 2>/dev/null
end

function __kubectl_moco_words
    __kubectl_moco_answer | string match --invert --regex '^:[0-9]+$'
end

function __kubectl_moco_files
    __kubectl_moco_answer | string match --quiet ':0'
end

complete -c kubectl-moco -f
complete -c kubectl-moco -n __kubectl_moco_files -F
complete -c kubectl-moco -a '(__kubectl_moco_words)'
