//! Restricted pod security, unless the user says otherwise.
//!
//! The rules are those of Kubernetes' "restricted" Pod Security Standard.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// User and group that MOCO's and MySQL's programs run as.
const ID: i64 = 10_000;

/// The pod's security: what the user set, completed.
pub(crate) fn of_pod(user: Option<PodSecurityContext>) -> PodSecurityContext {
    let user = user.unwrap_or_default();
    let is_root = user.run_as_user == Some(0);
    PodSecurityContext {
        run_as_user: user.run_as_user.or(Some(ID)),
        run_as_group: user.run_as_group.or(Some(ID)),
        run_as_non_root: user.run_as_non_root.or(Some(!is_root)),
        fs_group: user.fs_group.or(Some(ID)),
        // Without it, Kubernetes walks over every file of the volume at each start.
        fs_group_change_policy: user
            .fs_group_change_policy
            .or_else(|| Some("OnRootMismatch".to_owned())),
        seccomp_profile: user.seccomp_profile.or_else(|| Some(runtime_default())),
        ..user
    }
}

/// A container's security: what the user set, completed.
pub(crate) fn of_container(user: Option<SecurityContext>) -> SecurityContext {
    let user = user.unwrap_or_default();
    let mut context = user.clone();
    if user.run_as_user == Some(0) {
        // The pod says otherwise, and the user says this.
        context.run_as_non_root = user.run_as_non_root.or(Some(false));
    }
    let adds_admin = user
        .capabilities
        .as_ref()
        .and_then(|all| all.add.as_ref())
        .is_some_and(|add| {
            add.iter()
                .any(|one| one == "SYS_ADMIN" || one == "CAP_SYS_ADMIN")
        });
    // Kubernetes refuses the one with the other.
    if user.privileged != Some(true) && !adds_admin {
        context.allow_privilege_escalation = user.allow_privilege_escalation.or(Some(false));
    }
    if user.privileged != Some(true) {
        let capabilities = user.capabilities.unwrap_or_default();
        context.capabilities = Some(Capabilities {
            drop: capabilities.drop.or_else(|| Some(vec!["ALL".to_owned()])),
            ..capabilities
        });
    }
    context
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        ..SeccompProfile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_is_kept_and_fits_what_is_added() {
        let root = SecurityContext {
            run_as_user: Some(0),
            ..SecurityContext::default()
        };
        let root = of_container(Some(root));
        assert_eq!(root.run_as_non_root, Some(false));
        assert_eq!(root.allow_privilege_escalation, Some(false));
        let privileged = SecurityContext {
            privileged: Some(true),
            ..SecurityContext::default()
        };
        let privileged = of_container(Some(privileged));
        assert_eq!(privileged.allow_privilege_escalation, None);
        assert_eq!(privileged.capabilities, None);
        let pod = PodSecurityContext {
            run_as_user: Some(999),
            fs_group: Some(999),
            ..PodSecurityContext::default()
        };
        let pod = of_pod(Some(pod));
        assert_eq!((pod.run_as_user, pod.fs_group), (Some(999), Some(999)));
        assert_eq!(
            (pod.run_as_group, pod.run_as_non_root),
            (Some(ID), Some(true))
        );
    }
}
