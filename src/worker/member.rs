//! This process as a member of its group: reports to the supervisor which shards come and go, and
//! joins again after the group has rejected it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use super::{
    OnMisfit,
    command::Command,
    shutdown::Departure,
    standing::Watch,
    stop::Stop,
    supervisor::Event,
    troubles::{Concern, Severity},
    view::{Change, State, View},
};
use rollcall_core::{
    record::ShardId,
    shard::{Error, Result, Tenure},
};
use rollcall_kafka::{
    Connection, DataConsumer, INSTANCE_ID_TAKEN, KafkaBroker, Loss, Membership, NOT_A_MEMBER,
    Owner, Refused, Standing, Topics,
};

/// How long giving up shards may delay the group's rebalance.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
/// A member that the group rejects again within this time has a twin.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);
const PAUSE_STEP: Duration = Duration::from_millis(250);

/// A process and the group that it is to be a member of.
pub struct Member<'a, J> {
    /// Joins the group.
    pub join: J,
    pub clients: &'a Clients,
    pub view: &'a View,
    pub stop: &'a Stop,
    pub on_misfit: OnMisfit,
}

/// Why a membership ended.
enum End {
    Told,
    Refused(Refused),
    /// Its certificates have changed, which only new clients can use.
    NewCertificates,
}

impl<O: Owner, J: Fn() -> Result<Membership<O>>> Member<'_, J> {
    /// Serves the group until stopped.
    ///
    /// If a broker dies in the middle of a join, it may know this process under a newer name than
    /// the process itself does, and reject the older one as belonging to another process. So a
    /// rejected member joins again at once.
    ///
    /// # Errors
    /// Why the group does not accept this worker, unless that is to be waited for.
    pub fn serve(&self) -> Result<()> {
        let mut watch = Watch::new(self.view, &self.clients.connection);
        let mut refusals = Refusals::new(self.on_misfit);
        let mut certificates = self.clients.connection.login.certificates();
        loop {
            let Some(membership) = self.join_in_time(&refusals)? else { return Ok(()) };
            match self.be_member(membership, &mut watch, &mut refusals, &mut certificates) {
                End::Told => return Ok(()),
                End::NewCertificates => self.clients.reconnect(self.view),
                End::Refused(refused) => {
                    let pause = refusals.after(&refused, Instant::now())?;
                    tracing::warn!("joining the group again in {pause:?}: {refused}");
                    watch.look(Standing::Outside(Some(refused)));
                    if self.pause(pause, &mut watch) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Joins as soon as there are credentials; `None` if stopped before that.
    fn join_in_time(&self, refusals: &Refusals) -> Result<Option<Membership<O>>> {
        let mut pause = RETRY_MIN;
        loop {
            if self.stop.departure().is_some() {
                return Ok(None);
            }
            self.view.watchdog.heartbeat("membership");
            let message = match (self.join)() {
                Ok(membership) => return Ok(Some(membership)),
                Err(Error::Interrupted(message)) => message,
                Err(error) if !refusals.waits() => return Err(error),
                Err(error) => error.to_string(),
            };
            tracing::warn!("joining the group again in {pause:?}: {message}");
            self.view.counted_out();
            let troubles = &self.view.troubles;
            troubles.report(Concern::Membership, Severity::Unready, NOT_A_MEMBER.reason, &message);
            if self.stop.wait(pause).is_some() {
                return Ok(None);
            }
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Serves the group until stopped, then leaves or stays as decided.
    fn be_member(
        &self,
        membership: Membership<O>,
        watch: &mut Watch<'_>,
        refusals: &mut Refusals,
        certificates: &mut u64,
    ) -> End {
        loop {
            match self.stop.departure() {
                Some(Departure::Leave) => membership.leave(),
                Some(Departure::Stay) => membership.stay(),
                None => {
                    self.view.watchdog.heartbeat("membership");
                    match membership.poll() {
                        Ok(standing) => {
                            if standing == Standing::Member {
                                refusals.joined();
                            }
                            watch.look(standing);
                        }
                        Err(refused) => {
                            membership.abandon();
                            return End::Refused(refused);
                        }
                    }
                    let newest = self.clients.connection.login.certificates();
                    if newest != std::mem::replace(certificates, newest) && self.clients.check() {
                        membership.stay();
                        return End::NewCertificates;
                    }
                    continue;
                }
            }
            return End::Told;
        }
    }

    /// Waits; returns true if stopped meanwhile.
    fn pause(&self, pause: Duration, watch: &mut Watch<'_>) -> bool {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.view.watchdog.heartbeat("membership");
            if self.stop.wait(left.min(PAUSE_STEP)).is_some() {
                return true;
            }
            watch.look(Standing::Outside(None));
        }
    }
}

/// Creates the clients that otherwise only a starting worker creates, with what they need.
pub struct Clients {
    pub connection: Arc<Connection>,
    pub topics: Arc<Topics>,
    pub broker: KafkaBroker,
    pub fetch_kbytes: usize,
    pub lanes: Vec<Sender<Command>>,
}

impl Clients {
    /// Returns whether clients can be created with the current certificates.
    fn check(&self) -> bool {
        match self.broker.reconnect() {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(
                    "the new certificates cannot be used, those from before count until they \
                     change again: {error}"
                );
                false
            }
        }
    }

    /// Makes all lanes read with new clients. Shards opened from now on also commit with new ones.
    fn reconnect(&self, view: &View) {
        view.counted_out();
        for (index, lane) in self.lanes.iter().enumerate() {
            view.watchdog.heartbeat("membership");
            match DataConsumer::connect(&self.connection, &self.topics, self.fetch_kbytes) {
                Ok(data) => {
                    let _ = lane.send(Command::Reconnect(Box::new(data)));
                }
                Err(error) => tracing::error!(lane = index, "no new client: {error}"),
            }
        }
        tracing::info!("reconnecting with the new certificates");
    }
}

/// The reaction to the group's rejections: another try, or this worker's end.
struct Refusals {
    on_misfit: OnMisfit,
    /// When the group first accepted us.
    joined_at: Option<Instant>,
    /// When it last knew another process under our name.
    taken_at: Option<Instant>,
    pause: Duration,
}

impl Refusals {
    fn new(on_misfit: OnMisfit) -> Self {
        Self { on_misfit, joined_at: None, taken_at: None, pause: RETRY_MIN }
    }

    fn waits(&self) -> bool {
        self.on_misfit == OnMisfit::Wait || self.joined_at.is_some()
    }

    fn joined(&mut self) {
        self.joined_at.get_or_insert_with(Instant::now);
        self.pause = RETRY_MIN;
    }

    /// Returns how long to wait before joining again.
    ///
    /// Of two processes with the same instance id, the one that started later ends, so that a
    /// mistake at a start does not stop a healthy worker: it is the one that is rejected twice
    /// after being a member for a short time only.
    ///
    /// # Errors
    /// The rejection, if it makes this worker end.
    fn after(&mut self, refused: &Refused, now: Instant) -> Result<Duration> {
        let class = refused.class();
        if class.reason == INSTANCE_ID_TAKEN.reason {
            let before = self.taken_at.replace(now);
            let again = before.is_some_and(|at| now.duration_since(at) < REFUSED_AGAIN);
            let is_new = self.joined_at.is_none_or(|at| now.duration_since(at) < REFUSED_AGAIN);
            if again && is_new {
                return Err(Error::Misconfigured(refused.to_string()));
            }
            return Ok(Duration::ZERO);
        }
        if !self.waits() {
            return Err(Error::Misconfigured(format!("not let into the group: {refused}")));
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(RETRY_MAX);
        Ok(pause)
    }
}

/// Passes the group's callbacks on to the supervisor.
#[derive(Clone)]
pub struct ToSupervisor {
    pub events: Sender<Event>,
    pub view: Arc<View>,
}

impl Owner for ToSupervisor {
    fn gained(&self, shards: &BTreeMap<ShardId, Tenure>) {
        // Before it counts as a member: the worker is not ready while shards are to be opened.
        for &shard in shards.keys() {
            self.view.set_state(shard, State::Opening(Arc::default()));
        }
        self.view.joined(if shards.is_empty() { Change::Others } else { Change::Gained });
        if shards.is_empty() {
            // The group's generation has changed, but none of our shards.
            return;
        }
        tracing::info!(gained = %list(shards.keys()), "assignment");
        let _ = self.events.send(Event::Gained(shards.clone()));
    }

    fn losing(&self, shards: &BTreeSet<ShardId>, why: Loss) {
        let (done, released) = channel();
        let start = Instant::now();
        let _ = self.events.send(Event::Losing(shards.clone(), done));
        // It disconnects when the last shard is released.
        let timed_out = released.recv_timeout(RELEASE_TIMEOUT) == Err(RecvTimeoutError::Timeout);
        self.view.totals.revoked(why, start.elapsed());
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(lost = %list(shards.iter()), ?why, seconds, "released");
        if timed_out {
            tracing::warn!("a shard was not released in time; its next owner fences it");
        }
    }
}

fn list<'a>(shards: impl Iterator<Item = &'a ShardId>) -> String {
    shards.map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;

    fn refused(code: Code) -> Refused {
        Refused { code, text: "refused".to_owned() }
    }

    #[test]
    fn of_two_under_one_instance_id_the_newcomer_ends() {
        let now = Instant::now();
        let taken = refused(Code::FencedInstanceId);
        let mut newcomer = Refusals::new(OnMisfit::Wait);
        newcomer.joined();
        assert_eq!(newcomer.after(&taken, now), Ok(Duration::ZERO), "it may be its own shadow");
        let error = newcomer.after(&taken, now).expect_err("it has a twin");
        assert!(error.to_string().contains("give each its own --instance-id"), "{error}");

        let mut older = Refusals::new(OnMisfit::Exit);
        older.joined_at = now.checked_sub(REFUSED_AGAIN * 2);
        for _ in 0..5 {
            assert_eq!(older.after(&taken, now), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn what_cannot_work_ends_a_worker_at_its_start_unless_it_is_to_wait() {
        let now = Instant::now();
        let unsupported = refused(Code::UnsupportedFeature);
        let error = Refusals::new(OnMisfit::Exit).after(&unsupported, now).expect_err("it ends");
        assert!(error.to_string().contains("KIP-848"), "{error}");
        let mut waits = Refusals::new(OnMisfit::Wait);
        let pauses = [(); 3].map(|()| waits.after(&unsupported, now).expect("it waits"));
        assert_eq!(pauses, [RETRY_MIN, RETRY_MIN * 2, RETRY_MIN * 4]);
        let mut member = Refusals::new(OnMisfit::Exit);
        member.joined();
        assert!(member.after(&unsupported, now).is_ok(), "what has worked may work again");
    }
}
