//! The problems a cluster can have. Codes are public: they appear in conditions, events, metrics and
//! logs, and each has a page in `docs/problems/`.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! problems {
    ($($(#[doc = $meaning:literal])+ $code:ident { blocks: $blocks:literal, advice: $advice:literal })+) => {
        /// The codes, in the order in which they are looked at: the first that holds is the verdict.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Problem {
            $($(#[doc = $meaning])+ $code,)+
        }

        impl Problem {
            /// All of them, in order of priority.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// The problem of a code; none for what is no problem's code.
            pub fn of_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|problem| problem.code() == code)
            }

            /// The code as it is shown.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }

            /// Whether nothing of lower priority may be treated while this holds.
            pub const fn blocks(self) -> bool {
                match self { $(Self::$code => $blocks,)+ }
            }

            /// What it means, for its page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$code => concat!($($meaning,)+),)+ }
            }

            /// What MOCO does and what a person can do, for its page.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$code => $advice,)+ }
            }
        }
    };
}

problems! {
    /// Objects with this cluster's names exist that this operator did not make.
    ForeignCluster { blocks: true, advice: "MOCO writes nothing. If the objects belong to a cluster that the Go MOCO runs, leave it to that operator, or move the data by backup and restore into a cluster of another name. Taking such a cluster over while it runs is not possible yet." }
    /// A volume carries the mark of another cluster: usually the MySQLCluster was deleted and made again while its volumes were kept.
    ForeignVolumes { blocks: true, advice: "Nothing starts and nothing on the volumes is touched. To use fresh volumes, delete the PersistentVolumeClaims named in the message, one by one, after you have made sure that nobody needs them." }
    /// The record of who is primary is gone, or older than what members were told.
    RegisterLost { blocks: true, advice: "MOCO makes it again from the members' guard files as soon as enough members can be asked; it never initialises where data exists. Bring back the members named in the message." }
    /// The user took the cluster down (`spec.offline: true`).
    Offline { blocks: true, advice: "Set `spec.offline` to false to start the members again. The volumes are kept." }
    /// The user stopped MOCO's work on the members (annotation `moco.cybozu.com/clustering-stopped`).
    ClusteringStopped { blocks: true, advice: "Remove the annotation to let MOCO act on the members again. Meanwhile nothing is started, cloned, followed or opened." }
    /// The primary's mysqld has ended.
    PrimaryEnded { blocks: false, advice: "Nothing to do: another member takes over within a second if enough replicas can promise; otherwise the same primary is started again and opened when enough replicas hold everything it has. The message names who is missing." }
    /// The primary's agent cannot be reached.
    PrimaryUnreachable { blocks: false, advice: "If enough replicas do not hear it either, another member takes over. If they do, only MOCO's own way to the primary is broken and nothing is changed. If too few replicas can be asked, bring them back; the message names them. `kubectl moco force` is the last resort, and says what it would lose." }
    /// The primary answers, and its commits do not come to an end: a full or stalled disk, a frozen mysqld, or acknowledgements that do not reach it.
    PrimaryStuck { blocks: false, advice: "If enough replicas can promise, another member takes over and this one is ended. Otherwise make room on the volume, or mend the disk or the network named in the message." }
    /// A switchover is under way.
    SwitchoverUnderWay { blocks: false, advice: "Nothing to do. The message says what it waits for; the primary takes writes until the last moment, and goes on if the switchover is given up." }
    /// Members have promised to follow another primary, and none is needed.
    PromisePending { blocks: false, advice: "Nothing to do: the same primary goes on in a new epoch." }
    /// The primary runs and is not open for writing yet: too few replicas hold what it has.
    PrimaryClosed { blocks: false, advice: "Nothing to do: MOCO opens it when as many replicas as a commit waits for are attached and hold everything." }
    /// A member that is not the primary takes writes.
    TwoWritable { blocks: false, advice: "MOCO ends its mysqld at once; it starts again closed and follows the primary, or is cloned if it holds transactions of its own. A former primary could acknowledge nothing, because its replicas have left it. A replica that somebody opened by hand acknowledges what is written to it until it is ended; its binary logs are kept aside (`evidence` on its volume). If this comes back, somebody or something switches `read_only` off by hand." }
    /// The manifest cannot be carried out.
    InvalidSpec { blocks: false, advice: "The members run on as they are; mend the field named in the message." }
    /// A member's volume cannot be used.
    VolumeUnusable { blocks: false, advice: "Mend the volume as the message says; the agent tries again by itself." }
    /// A member's image cannot be used: no mysqld, a version that MOCO does not run, or plugins missing.
    ImageUnusable { blocks: false, advice: "Use an image with mysqld 9.7 (8.4 should work and is untested) that has the semi-sync and clone plugins. Mend `spec.podTemplate.spec.containers[].image`; see docs/versions.md." }
    /// mysqld refuses its configuration.
    ConfigurationRefused { blocks: false, advice: "Mend the option named in the message in the ConfigMap that `spec.mysqlConfigMapName` names. The member starts by itself when the option is gone." }
    /// A member could not do what it was told.
    MemberFault { blocks: false, advice: "The agent tries again by itself. If the message stays, look at the log of the member's pod." }
    /// A pod of a member cannot run.
    PodCannotRun { blocks: false, advice: "Look at the pod's events: `kubectl describe pod`. The cluster goes on without the member as long as enough others acknowledge." }
    /// An object of the cluster could not be written to Kubernetes.
    ObjectRefused { blocks: false, advice: "The message holds the API server's answer. MOCO tries again by itself." }
    /// A new cluster waits until every member's agent has been heard: only then is it certain that no volume holds data.
    WaitingForMembers { blocks: false, advice: "Wait for the pods named in the message to run, or find out why they do not: `kubectl describe pod`." }
    /// The cluster is new: no primary is recorded yet.
    NotInitialised { blocks: false, advice: "Nothing to do: MOCO records the first primary." }
    /// A member that was primary before still runs and may hold commits that nobody acknowledged.
    FormerPrimary { blocks: false, advice: "Nothing to do: its mysqld is ended, what was never acknowledged is cut off and kept aside, and it comes back as a replica." }
    /// Members wait for leave to start mysqld.
    MembersAtGate { blocks: false, advice: "Nothing to do: MOCO starts them." }
    /// A member holds transactions that the primary does not have.
    ErrantTransactions { blocks: false, advice: "The member is not counted and acknowledges nothing. MOCO keeps the binary logs with these transactions aside (`evidence` on its volume), gives the member's data up and clones it. With the annotation `moco.cybozu.com/rebuild: never` on the MySQLCluster it waits for a person. Find out who writes to replicas." }
    /// A member lacks transactions that the primary's binary logs do not hold any more.
    HistoryPurged { blocks: false, advice: "Nothing to do: the member is cloned anew. Keep binary logs longer (`binlog_expire_logs_seconds`) if members are away for long." }
    /// A member has no data yet and is to be filled.
    MembersEmpty { blocks: false, advice: "Nothing to do: MOCO clones the primary's data, one member at a time." }
    /// A replica does not follow the primary.
    ReplicaDetached { blocks: false, advice: "Nothing to do: MOCO lets it follow the primary." }
    /// A replica's replication thread stopped with an error.
    ReplicationBroken { blocks: false, advice: "The message holds MySQL's own error. MOCO goes on trying to start replication; an error that stays needs a person." }
    /// The primary waits for another number of acknowledgements than the membership demands.
    WrongAcks { blocks: false, advice: "Nothing to do: MOCO sets the number." }
    /// A pod's role label is not the member's role.
    LabelsOutdated { blocks: false, advice: "Nothing to do: MOCO sets the labels, so that the Services lead to the right members." }
    /// The record lacks that a member holds everything, or that a handover is complete. Until then the member's promise does not count in a failover.
    BookOutdated { blocks: false, advice: "Nothing to do: MOCO writes it down. A member that has just come back counts as soon as it holds what the primary had when it was last looked at; if that takes long, look at its replication lag." }
    /// Another primary is asked for.
    SwitchoverAsked { blocks: false, advice: "Nothing to do, or see what the message says it waits for." }
    /// Fewer replicas acknowledge than a commit waits for: writes wait.
    SemiSyncStarved { blocks: false, advice: "Writes wait and nothing is lost. Bring back a replica; the status says which one is missing and why. When only members without data are left to acknowledge, MOCO ends the mysqld of the primary, because writes that wait hold every clone up; it starts again closed and is opened when a clone follows it." }
    /// Other members are wanted than recorded.
    MembersChanging { blocks: false, advice: "Nothing to do: newcomers are cloned, catch up, begin to acknowledge, and then count; members that are to go stop acknowledging first. A member that cannot be asked cannot be removed." }
    /// A replica's agent cannot be reached, or its mysqld does not answer.
    ReplicaUnreachable { blocks: false, advice: "The cluster goes on without it as long as enough others acknowledge. Look at its pod and node." }
    /// A setting that safety depends on is not what MOCO set.
    SettingsDrifted { blocks: false, advice: "Somebody changed the variable named in the message on the running server. Set it back, or restart the member." }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
