//! An S3 server over a directory: real HTTP, signatures checked.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::thread;

use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::host::SingleDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// Access key that the server takes.
pub const ACCESS_KEY: &str = "AKIATEST";
/// Its secret.
pub const SECRET_KEY: &str = "not-so-secret";

/// A running server; it ends when this is dropped.
pub struct S3Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl S3Server {
    /// Serves the directories below `root` as buckets; `signed` requests alone, or any.
    ///
    /// # Panics
    /// When it cannot start.
    #[must_use]
    pub fn start(root: &Path, signed: bool) -> Self {
        let mut service = S3ServiceBuilder::new(FileSystem::new(root).expect("a directory"));
        if signed {
            service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        }
        Self::serving(service)
    }

    /// The same for signed requests that name the bucket in their host: `bucket.domain`.
    ///
    /// # Panics
    /// When it cannot start.
    #[must_use]
    pub fn with_domain(root: &Path, domain: &str) -> Self {
        let mut service = S3ServiceBuilder::new(FileSystem::new(root).expect("a directory"));
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        service.set_host(SingleDomain::new(domain).expect("a domain"));
        Self::serving(service)
    }

    fn serving(service: S3ServiceBuilder) -> Self {
        let service = service.build();
        let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let mut builder = runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, service, stopped));
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // Nobody listens any more if it has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: StdListener, service: S3Service, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        let Ok((socket, _)) = accepted else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            let server = Builder::new(hyper_util::rt::TokioExecutor::new());
            // A client may go away at any time.
            drop(server.serve_connection(TokioIo::new(socket), service).await);
        });
    }
}
