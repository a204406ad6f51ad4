//! Calling the controller, and the agent of the member that is followed.

use std::time::Duration;

use moco_model::sentence::with_causes;
use moco_model::{ClusterId, MemberId};
use moco_wire::{
    Beat, BeatAnswer, ControllerClient, CredentialsSource, Notice, NoticeAnswer, PeerClient,
};
use tokio::sync::Mutex;

use crate::host::Unheard;
use crate::options::Options;

/// How long a controller may take to answer.
const CONTROLLER: Duration = Duration::from_secs(5);
/// How long another agent may take to answer.
const PEER: Duration = Duration::from_secs(1);

/// The connections to others, each made when it is first needed and kept.
pub(super) struct Callers {
    cluster: ClusterId,
    own: MemberId,
    /// The port on which all agents of the cluster listen, this one's.
    port: u16,
    credentials: CredentialsSource,
    controllers: Mutex<Controllers>,
    peer: Mutex<Option<Peer>>,
}

/// The controllers that can be told: the Service, and the leader that one of them named.
struct Controllers {
    service: ControllerClient,
    leader: Option<(String, ControllerClient)>,
}

/// The agent of the member that is followed.
struct Peer {
    member: MemberId,
    host: String,
    client: PeerClient,
}

impl Callers {
    pub(super) fn new(
        options: &Options,
        cluster: ClusterId,
        credentials: CredentialsSource,
    ) -> Self {
        let address = options.controller.clone();
        let service = ControllerClient::new(address, credentials.clone(), CONTROLLER);
        Self {
            cluster,
            own: options.member(),
            port: options.listen.port(),
            credentials,
            controllers: Mutex::new(Controllers {
                service,
                leader: None,
            }),
            peer: Mutex::default(),
        }
    }

    /// Tells the leader as far as it is known, and at once the one that is named instead. True once
    /// the notice was taken.
    pub(super) async fn notify(&self, notice: &Notice) -> bool {
        let mut controllers = self.controllers.lock().await;
        for _ in 0..2 {
            let client = controllers
                .leader
                .as_ref()
                .map_or(&controllers.service, |(_, leader)| leader);
            match client.notify(notice).await {
                Ok(NoticeAnswer::Taken) => return true,
                Ok(NoticeAnswer::Leader(address)) => self.lead(&mut controllers, address),
                Ok(NoticeAnswer::NoLeader) => {
                    controllers.leader = None;
                    return false;
                }
                Err(error) => {
                    tracing::debug!("{}", with_causes(&error));
                    controllers.leader = None;
                    return false;
                }
            }
        }
        false
    }

    fn lead(&self, controllers: &mut Controllers, address: String) {
        let known = controllers.leader.as_ref();
        if known.is_none_or(|(known, _)| *known != address) {
            let credentials = self.credentials.clone();
            let client = ControllerClient::new(address.clone(), credentials, CONTROLLER);
            controllers.leader = Some((address, client));
        }
    }

    /// Asks the agent of `member`, at `host`, for a sign of life.
    pub(super) async fn beat(
        &self,
        member: MemberId,
        host: &str,
        beat: Beat,
    ) -> Result<BeatAnswer, Unheard> {
        let mut peer = self.peer.lock().await;
        let known = peer
            .take()
            .filter(|peer| peer.member == member && peer.host == host);
        let peer = peer.insert(known.unwrap_or_else(|| self.peer(member, host)));
        peer.client
            .heartbeat(self.own, beat)
            .await
            .map_err(|error| {
                tracing::debug!("{}", with_causes(&error));
                if error.nobody_listens() {
                    Unheard::Refused
                } else {
                    Unheard::Silent
                }
            })
    }

    fn peer(&self, member: MemberId, host: &str) -> Peer {
        let address = format!("{host}:{}", self.port);
        let credentials = self.credentials.clone();
        let client = PeerClient::new(address, self.cluster.clone(), member, credentials, PEER);
        Peer {
            member,
            host: host.to_owned(),
            client,
        }
    }
}
