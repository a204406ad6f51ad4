//! Taking, renewing and releasing the lease.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use moco_api::constants::LEASE;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    ACT_FOR, ADDRESS_ANNOTATION, Claim, DURATION, Judgement, LOOK_EVERY, Leadership, RENEW_EVERY,
    Sighting, Tenure, judge,
};
use crate::call::{Attempt, CallError, call_within};
use moco_model::sentence::with_causes;

/// How long one request about the lease may take: a renewal that takes longer is repeated.
const REQUEST: Duration = Duration::from_millis(1400);
/// How soon a renewal that failed is repeated.
const REPEAT: Duration = Duration::from_millis(300);

/// Why the leader leads no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Loss {
    /// Another controller has the lease.
    #[error("{holder:?} has taken the lease")]
    Taken {
        /// Who.
        holder: String,
    },
    /// The lease could not be renewed in time.
    #[error("the lease could not be renewed within {} s", ACT_FOR.as_secs())]
    Expired,
}

/// Takes the lease and keeps it.
pub(crate) struct Keeper {
    api: Api<Lease>,
    namespace: String,
    me: String,
    address: String,
    start: Instant,
    sighting: Sighting,
    leadership: watch::Sender<Leadership>,
}

impl Keeper {
    /// `me` names this controller, `address` is where agents reach it; who leads is told through
    /// `leadership`.
    pub(crate) fn new(
        client: kube::Client,
        namespace: &str,
        me: &str,
        address: String,
        leadership: watch::Sender<Leadership>,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            me: me.to_owned(),
            address,
            start: Instant::now(),
            sighting: Sighting::default(),
            leadership,
        }
    }

    /// Waits until this controller leads.
    pub(crate) async fn acquire(&mut self) -> (Lease, Tenure) {
        let mut last_error = String::new();
        loop {
            match self.try_acquire().await {
                Ok(Ok(taken)) => {
                    self.leadership
                        .send_replace(Leadership::Own(taken.1.clone()));
                    return taken;
                }
                Ok(Err(pause)) => {
                    last_error.clear();
                    sleep(pause).await;
                }
                Err(error) => {
                    let error = with_causes(&error);
                    if error != last_error {
                        tracing::warn!("cannot take part in the election: {error}");
                        last_error = error;
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Looks once. Gives the lease if it was taken, or the time until the next look.
    async fn try_acquire(&mut self) -> Result<Result<(Lease, Tenure), Duration>, CallError> {
        let found = self.read().await?;
        let claim = found.as_ref().map(Claim::of);
        self.sighting = std::mem::take(&mut self.sighting).then(claim, self.start.elapsed());
        match judge(&self.sighting, &self.me, self.start.elapsed()) {
            Judgement::Held { left, address } => {
                let known = address.map_or(Leadership::Unknown, Leadership::Other);
                self.tell(known);
                return Ok(Err(left.min(LOOK_EVERY)));
            }
            Judgement::Free | Judgement::Ours => self.tell(Leadership::Unknown),
        }
        let sent = Instant::now();
        match self.write(self.claimed(found)).await {
            Ok(lease) => Ok(Ok((lease, Tenure::new(sent + ACT_FOR)))),
            // Another one was faster; the next look sees whom.
            Err(error) if error.is_conflict() || error.is_already_exists() => Ok(Err(REPEAT)),
            Err(error) => Err(error),
        }
    }

    /// Renews `lease` until it is lost. Dropping this future stops renewing.
    pub(crate) async fn hold(&mut self, lease: &mut Lease, tenure: &Tenure) -> Loss {
        let mut next = Instant::now() + RENEW_EVERY;
        loop {
            sleep_until(next.min(tenure.end())).await;
            if !tenure.holds() {
                return Loss::Expired;
            }
            let sent = Instant::now();
            match self.write(self.claimed(Some(lease.clone()))).await {
                Ok(renewed) => {
                    *lease = renewed;
                    tenure.prolong(sent + ACT_FOR);
                    next = sent + RENEW_EVERY;
                }
                Err(error) => {
                    // The outcome may be unknown, or somebody else has edited the lease.
                    tracing::warn!("cannot renew the lease: {}", with_causes(&error));
                    if let Some(loss) = self.read_again(lease).await {
                        return loss;
                    }
                    next = Instant::now() + REPEAT;
                }
            }
        }
    }

    /// Reads the lease after a renewal failed. If another controller holds it, it is lost.
    async fn read_again(&self, lease: &mut Lease) -> Option<Loss> {
        match self.read().await {
            Ok(Some(found)) => {
                let holder = Claim::of(&found).holder;
                if holder != self.me {
                    return Some(Loss::Taken { holder });
                }
                *lease = found;
            }
            // Deleted by hand: it is created anew, unless another one is faster.
            Ok(None) => *lease = Lease::default(),
            Err(error) => tracing::debug!("{}", with_causes(&error)),
        }
        None
    }

    /// Gives the lease up, so that another controller need not wait for its end. It is read again: a
    /// renewal may have been on its way when the holding ended.
    pub(crate) async fn release(&self) -> Result<(), CallError> {
        let Some(mut lease) = self.read().await? else {
            return Ok(());
        };
        if Claim::of(&lease).holder != self.me {
            return Ok(());
        }
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        if let Some(annotations) = &mut lease.metadata.annotations {
            annotations.remove(ADDRESS_ANNOTATION);
        }
        self.write(lease).await.map(|_| ())
    }

    fn tell(&self, known: Leadership) {
        if let Leadership::Other(address) = &known
            && *self.leadership.borrow() != known
        {
            tracing::info!("the controller at {address} leads");
        }
        self.leadership.send_if_modified(|told| {
            let changed = *told != known;
            *told = known;
            changed
        });
    }

    async fn read(&self) -> Result<Option<Lease>, CallError> {
        let attempt = Attempt::new("get", "Lease", &self.namespace, LEASE);
        call_within(REQUEST, attempt, self.api.get_opt(LEASE)).await
    }

    /// The lease with our claim, renewed now; what else is in it stays.
    fn claimed(&self, found: Option<Lease>) -> Lease {
        let mut lease = found.unwrap_or_default();
        if lease.metadata.resource_version.is_none() {
            lease.metadata = ObjectMeta {
                name: Some(LEASE.to_owned()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            };
        }
        let annotations = lease.metadata.annotations.get_or_insert_with(BTreeMap::new);
        annotations.insert(ADDRESS_ANNOTATION.to_owned(), self.address.clone());
        let now = Some(MicroTime(whole_micros(Timestamp::now())));
        let before = lease.spec.take().unwrap_or_default();
        let same_holder = before.holder_identity.as_deref() == Some(self.me.as_str());
        let transitions = before.lease_transitions.unwrap_or(0);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            renew_time: now.clone(),
            acquire_time: if same_holder {
                before.acquire_time
            } else {
                now
            },
            lease_transitions: Some(transitions.saturating_add(i32::from(!same_holder))),
            ..LeaseSpec::default()
        });
        lease
    }

    /// Writes by compare-and-swap: a lease that was read carries its version, a new one is created.
    async fn write(&self, lease: Lease) -> Result<Lease, CallError> {
        let params = PostParams::default();
        if lease.metadata.resource_version.is_some() {
            let attempt = Attempt::new("update", "Lease", &self.namespace, LEASE);
            call_within(REQUEST, attempt, self.api.replace(LEASE, &params, &lease)).await
        } else {
            let attempt = Attempt::new("create", "Lease", &self.namespace, LEASE);
            call_within(REQUEST, attempt, self.api.create(&params, &lease)).await
        }
    }
}

/// The API keeps microseconds; what is written shall be what is read.
fn whole_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
