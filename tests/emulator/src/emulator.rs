//! The handle with which a Rust test starts, scripts and stops the emulator.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    artifact_store::ArtifactStore,
    connection::{ClosableListener, ConnectionHandle},
    emulator_state::EmulatorState,
    event_bus::EventBus,
    faults::ScriptedFault,
    partner_app::AppRelease,
    request_log::LoggedRequest,
    server,
    service_model::{ModelError, ServiceModel},
    settings::{EmulatorSettings, Owner},
    shared_state::SharedState,
    side_effect_runner::SideEffectRunner,
    workteam::LabelingJobScript,
    workteam_topics::WorkteamTopics,
};

/// A running emulator. Dropping it stops it.
pub struct Emulator {
    shared: Arc<SharedState>,
    address: SocketAddr,
    // Dropping these stops the HTTP server and the background tasks.
    _server: oneshot::Sender<()>,
    _tasks: JoinSet<()>,
}

/// Configures and starts an [`Emulator`].
#[derive(Default)]
pub struct EmulatorBuilder {
    model: Option<Arc<ServiceModel>>,
    settings: EmulatorSettings,
    owner: Owner,
    port: u16,
    aws_endpoint: Option<String>,
    event_copies: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The service model could not be loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The port is in use or cannot be opened.
    #[error("cannot listen on 127.0.0.1:{port}: choose another port, or 0 for a free one")]
    Listen { port: u16, source: std::io::Error },
}

impl Emulator {
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// For example `http://127.0.0.1:40123`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all requests since the start or the last reset, in order of arrival.
    pub fn logged_requests(&self) -> Vec<LoggedRequest> {
        self.shared.with_state(|state| state.request_log.requests_after(0))
    }

    /// Returns all compilation jobs, sorted by name, as `DescribeCompilationJob` shows them.
    pub fn compilation_jobs(&self) -> Vec<Value> {
        self.shared.with_state(|state| state.compilation_jobs())
    }

    /// Sets the versions of a partner app type, oldest first, each with its end-of-life date.
    pub fn set_partner_app_versions(&self, kind: &str, versions: &[(&str, Option<Timestamp>)]) {
        let releases = versions.iter().map(|(version, eol)| AppRelease {
            version: (*version).to_owned(),
            eol: *eol,
            release_notes: vec![format!("What is new in {version}")],
        });
        let releases = releases.collect();
        self.shared.with_state(|state| state.partner_apps.catalogue.0.insert(kind.to_owned(), releases));
    }

    /// The current time of the emulator's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.with_state(|state| state.clock.now())
    }

    /// Starts a labeling job, or adds objects to a running job of the same name. Returns the job as
    /// `DescribeLabelingJob` shows it.
    ///
    /// # Errors
    /// The job has ended, or the work team does not exist.
    pub fn start_labeling_job(&self, job: &LabelingJobScript) -> Result<Value, String> {
        self.shared.with_state(|state| state.start_labeling_job(job))
    }

    /// Returns the topic ARN and the message of each published work team notice, oldest first.
    pub fn published_notices(&self) -> Vec<(String, String)> {
        let notices = self.shared.with_state(|state| state.workteams.notices.clone());
        notices.into_iter().map(|notice| (notice.topic, notice.message)).collect()
    }

    /// Schedules a fault.
    pub fn add_fault(&self, fault: ScriptedFault) {
        self.shared.with_state(|state| state.faults.add_fault(fault));
    }

    /// Returns the scheduled faults that have not occurred yet.
    pub fn pending_faults(&self) -> Vec<ScriptedFault> {
        self.shared.with_state(|state| state.faults.as_slice().to_vec())
    }

    /// Removes the scheduled faults that have not occurred yet.
    pub fn clear_faults(&self) {
        self.shared.with_state(|state| state.faults.clear());
    }

    /// Changes durations, limits and random faults. The durations of compilation jobs also apply to
    /// running ones.
    pub fn change_settings(&self, change: impl FnOnce(&mut EmulatorSettings)) {
        self.shared.with_state(|state| {
            let mut settings = state.settings.clone();
            change(&mut settings);
            state.change_settings(settings);
        });
    }

    /// Pauses the clock: resources change their status only when it is advanced.
    pub fn pause_clock(&self) {
        self.shared.with_state(|state| state.clock.pause());
    }

    pub fn resume_clock(&self) {
        self.shared.with_state(|state| state.clock.resume());
    }

    /// Advances the clock. All changes that become due have been applied when this returns, except
    /// those that wait for S3.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.with_state(|state| state.clock.advance(by));
    }

    /// Removes all resources, faults and logged requests, and restores the initial settings and the
    /// system clock.
    pub fn reset_state(&self) {
        self.shared.with_state(EmulatorState::reset_state);
    }
}

impl EmulatorBuilder {
    /// The service model to check requests against [default: the file that
    /// [`ServiceModel::locate_file`] finds].
    #[must_use]
    pub fn service_model(mut self, model: impl Into<Arc<ServiceModel>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The initial settings.
    #[must_use]
    pub fn settings(mut self, settings: EmulatorSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The account and Region of all resources.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// The port on 127.0.0.1; 0 (the default) selects a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The endpoint of an AWS emulator: compilation jobs read their input from its S3 and write
    /// their artifact there. Credentials come from the environment.
    #[must_use]
    pub fn aws_endpoint(mut self, url: impl Into<String>) -> Self {
        self.aws_endpoint = Some(url.into());
        self
    }

    /// How many times each state change event is sent to the `EventBridge` rules of the AWS
    /// emulator; 0 (the default) sends none.
    #[must_use]
    pub fn event_copies(mut self, copies: usize) -> Self {
        self.event_copies = copies;
        self
    }

    /// Starts the emulator. It accepts requests when this returns.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let model = match self.model {
            Some(model) => model,
            None => Arc::new(ServiceModel::load_file(&ServiceModel::locate_file()?)?),
        };
        let listen = |source| StartError::Listen { port: self.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let state = EmulatorState::new(self.settings, self.owner.clone(), self.aws_endpoint.is_some());
        let (sender, effects) = mpsc::unbounded_channel();
        let shared = Arc::new(SharedState::new(state, model, self.aws_endpoint.is_some().then_some(sender)));

        let mut tasks = JoinSet::new();
        let driven = Arc::clone(&shared);
        tasks.spawn(async move { driven.run_due_changes().await });
        if let Some(url) = self.aws_endpoint {
            let runner = connect_runner(url, self.owner, self.event_copies).await;
            tasks.spawn(runner.run_effects(effects, Arc::clone(&shared)));
        }
        let (server, stopped) = oneshot::channel::<()>();
        let service =
            server::build_router(Arc::clone(&shared)).into_make_service_with_connect_info::<ConnectionHandle>();
        let serving = axum::serve(ClosableListener(listener), service).with_graceful_shutdown(async {
            // A message and a dropped sender both mean: stop.
            let _ = stopped.await;
        });
        tokio::spawn(serving.into_future());
        Ok(Emulator { shared, address, _server: server, _tasks: tasks })
    }
}

async fn connect_runner(url: String, owner: Owner, copies: usize) -> SideEffectRunner {
    let region = aws_config::Region::new(owner.region.clone());
    let config =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).region(region).endpoint_url(url).load().await;
    SideEffectRunner {
        store: ArtifactStore::new(&config),
        topics: WorkteamTopics::new(&config),
        bus: (copies > 0).then(|| EventBus::new(&config, owner)),
        copies,
    }
}
