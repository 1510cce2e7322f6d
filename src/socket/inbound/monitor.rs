//! `cluster:stats` and `monitor:*`: figures for whoever asks.

use std::time::Duration;

use crate::core::rejection::Rejection;
use crate::protocol::socket::{
    Answered, ClusterStats, GetMetricsPayload, InitialMetrics, MetricKind, MetricsResponse, StatsPayload,
    SubscribePayload, Subscribed, UPDATE_INTERVAL_SECONDS, Unsubscribed,
};
use crate::protocol::time::NaiveUtc;
use crate::socket::Server;
use crate::socket::caller::Caller;
use crate::socket::monitor::{look, metrics};

pub(super) async fn stats(
    server: &Server,
    caller: &Caller,
    payload: StatsPayload<'_>,
) -> Result<(), Rejection> {
    let picture = server.engine.picture().await?;
    let stats = ClusterStats {
        connected_clients: server.sessions.count(),
        authenticated_clients: server.sessions.count_authenticated(),
        executor_nodes: picture.executors,
        external_services: picture.services,
        active_workflows: picture.live_workflows,
        timestamp: NaiveUtc(picture.now),
        request_id: payload.request_id,
    };
    caller.emit(ClusterStats::EVENT, &stats);
    caller.answer(&Answered::new(&stats));
    Ok(())
}

/// The kinds are repeated to the client; each picture holds all of them, which no client minds.
pub(super) async fn subscribe(
    server: &Server,
    caller: &Caller,
    payload: SubscribePayload<'_>,
) -> Result<(), Rejection> {
    let kinds: Vec<&'static str> = payload.kinds()?.into_iter().map(MetricKind::name).collect();
    let seen = look(server).await?;
    server.monitor.subscribe(caller.connection.session.id);
    let initial = InitialMetrics {
        metrics: &metrics(server, &seen),
        subscription_types: kinds.clone(),
        update_interval_seconds: UPDATE_INTERVAL_SECONDS,
    };
    caller.emit(InitialMetrics::EVENT, &initial);
    let subscribed = Subscribed { types: kinds, update_interval_seconds: UPDATE_INTERVAL_SECONDS };
    caller.emit(Subscribed::EVENT, &subscribed);
    caller.answer(&Answered::new(&subscribed));
    Ok(())
}

pub(super) async fn get_metrics(
    server: &Server,
    caller: &Caller,
    payload: GetMetricsPayload<'_>,
) -> Result<(), Rejection> {
    payload.kinds()?;
    let seen = look(server).await?;
    let span = Duration::from_mins(payload.history_minutes().min(HISTORY_MINUTES_MAX));
    let response = MetricsResponse {
        current_metrics: &metrics(server, &seen),
        historical_metrics: &server.monitor.history(span),
        timestamp: NaiveUtc(seen.at()),
    };
    server.monitor.note_interest();
    caller.emit(MetricsResponse::EVENT, &response);
    caller.answer(&Answered::new(&response));
    Ok(())
}

/// No more is kept.
const HISTORY_MINUTES_MAX: u64 = 30;

pub(super) fn unsubscribe(server: &Server, caller: &Caller) {
    server.monitor.unsubscribe(caller.connection.session.id);
    caller.emit(Unsubscribed::EVENT, &Unsubscribed {});
    caller.answer(&Answered::new(&Unsubscribed {}));
}
