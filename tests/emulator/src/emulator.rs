//! The emulator as a Rust test holds it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::faults::Fault;
use crate::journal::LoggedRequest;
use crate::line::{Line, Lines};
use crate::model::{ModelError, ServiceModel};
use crate::outlet::Outlet;
use crate::partner_app::Release;
use crate::server;
use crate::settings::{Owner, Settings};
use crate::shared::Shared;
use crate::store::Store;
use crate::topics::Topics;
use crate::workteam::JobScript as LabelingJob;
use crate::world::World;

/// A running emulator; dropping it stops it.
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    // Both end what they belong to when they are dropped: the server, and the tasks beside it.
    _server: oneshot::Sender<()>,
    _tasks: JoinSet<()>,
}

/// What to start.
#[derive(Default)]
pub struct Builder {
    model: Option<Arc<ServiceModel>>,
    settings: Settings,
    owner: Owner,
    port: u16,
    aws_endpoint: Option<String>,
    copies_of_events: usize,
}

/// Why the emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no service model to check requests against.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The port is taken.
    #[error("cannot listen on 127.0.0.1:{port}: choose another port, or 0 for a free one")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Emulator {
    /// An emulator yet to be started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests since the start or the last reset, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.with(|world| world.journal.since(0))
    }

    /// All compilation jobs by name, each as Describe shows it.
    pub fn compilation_jobs(&self) -> Vec<Value> {
        self.shared.with(|world| world.compilation_jobs())
    }

    /// Sets the versions of a type of partner app, oldest first, each with the end of its support.
    pub fn set_partner_app_versions(&self, kind: &str, versions: &[(&str, Option<Timestamp>)]) {
        let releases = versions.iter().map(|(version, eol)| Release {
            version: (*version).to_owned(),
            eol: *eol,
            release_notes: vec![format!("What is new in {version}")],
        });
        let releases = releases.collect();
        self.shared.with(|world| world.partner_apps.catalogue.0.insert(kind.to_owned(), releases));
    }

    /// The emulator's time.
    pub fn now(&self) -> Timestamp {
        self.shared.with(|world| world.clock.now())
    }

    /// Starts a labeling job of a work team, or adds objects to one; the job as Describe shows it, or why not.
    pub fn label(&self, job: &LabelingJob) -> Result<Value, String> {
        self.shared.with(|world| world.label(job))
    }

    /// What the work teams' topics were told, oldest first: topic and message.
    pub fn notices(&self) -> Vec<(String, String)> {
        let notices = self.shared.with(|world| world.workteams.notices.clone());
        notices.into_iter().map(|notice| (notice.topic, notice.message)).collect()
    }

    /// Has something go wrong.
    pub fn script(&self, fault: Fault) {
        self.shared.with(|world| world.faults.script(fault));
    }

    /// The scripted faults that have not happened yet.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.shared.with(|world| world.faults.pending().to_vec())
    }

    /// Takes back the scripted faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.shared.with(|world| world.faults.clear());
    }

    /// Changes durations and limits.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.with(|world| change(&mut world.settings));
    }

    /// Stops the emulator's clock: jobs change only when it is advanced.
    pub fn pause(&self) {
        self.shared.with(|world| world.clock.pause());
    }

    /// Lets the clock run again.
    pub fn resume(&self) {
        self.shared.with(|world| world.clock.resume());
    }

    /// Puts the clock forward. What becomes due has happened when this returns, except what waits for S3.
    pub fn advance(&self, by: Duration) {
        self.shared.with(|world| world.clock.advance(by));
    }

    /// Back to the start: no resources, faults and requests, the first settings, the machine's clock.
    pub fn reset(&self) {
        self.shared.with(World::reset);
    }
}

impl Builder {
    /// The model to check requests against; left out, it is found as [`ServiceModel::locate`] says.
    #[must_use]
    pub fn service_model(mut self, model: impl Into<Arc<ServiceModel>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Durations and limits at the start.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Whose the resources are.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// The port on 127.0.0.1; 0, the default, is a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// An AWS emulator: jobs look for their input in its S3 and write their artifact there. Credentials come from the
    /// environment.
    #[must_use]
    pub fn aws_endpoint(mut self, url: impl Into<String>) -> Self {
        self.aws_endpoint = Some(url.into());
        self
    }

    /// How often each state change is told to the rules of the AWS emulator's `EventBridge`; 0, the default, is never.
    #[must_use]
    pub fn copies_of_events(mut self, copies: usize) -> Self {
        self.copies_of_events = copies;
        self
    }

    /// Starts it. Requests are answered when this returns.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let model = match self.model {
            Some(model) => model,
            None => Arc::new(ServiceModel::load(&ServiceModel::locate()?)?),
        };
        let listen = |source| StartError::Listen { port: self.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let world = World::new(self.settings, self.owner.clone(), self.aws_endpoint.is_some());
        let (sender, effects) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(world, model, self.aws_endpoint.is_some().then_some(sender)));

        let mut tasks = JoinSet::new();
        let driven = Arc::clone(&shared);
        tasks.spawn(async move { driven.drive().await });
        if let Some(url) = self.aws_endpoint {
            let outlet = outlet(url, self.owner, self.copies_of_events).await;
            tasks.spawn(outlet.run(effects, Arc::clone(&shared)));
        }
        let (server, stopped) = oneshot::channel::<()>();
        let service = server::router(Arc::clone(&shared)).into_make_service_with_connect_info::<Line>();
        let serving = axum::serve(Lines(listener), service).with_graceful_shutdown(async {
            // Answered or dropped: either is the end.
            let _ = stopped.await;
        });
        tokio::spawn(serving.into_future());
        Ok(Emulator { shared, address, _server: server, _tasks: tasks })
    }
}

async fn outlet(url: String, owner: Owner, copies: usize) -> Outlet {
    let region = aws_config::Region::new(owner.region.clone());
    let config =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).region(region).endpoint_url(url).load().await;
    Outlet {
        store: Store::new(&config),
        topics: Topics::new(&config),
        bus: (copies > 0).then(|| Bus::new(&config, owner)),
        copies,
    }
}
