//! Every limit of this crate in one place, with its reason.

use std::time::Duration;

/// Receive window of one HTTP/2 stream: h2 renews it when half of it is used up, so a usual batch
/// (some 500 kB) comes without waiting for that.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// Receive window of one HTTP/2 connection, for several batches that are under way at once. It does
/// not bound memory: data is taken out of h2 and charged as it arrives, and a connection gives way
/// for that after each buffer that it has read (`stringendo_ring::net`).
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Largest HTTP/2 frame: the protocol's default, which the usual clients never exceed. What came of
/// a frame lies outside of the budget, so it must be small.
pub const FRAME_BYTES_MAX: u32 = 16 << 10;

/// Headers of one request, HTTP/2 and HTTP/1.
pub const HEADER_BYTES_MAX: usize = 16 << 10;

/// Longest request line and headers of HTTP/1, above it 431: room for the longest URL that hyper
/// takes, which is 64 KiB (414 above that), and as much again for headers.
pub const HTTP1_HEAD_BYTES_MAX: usize = 128 << 10;

/// Requests in flight on one HTTP/2 connection, unless configured.
pub const STREAMS_MAX: u32 = 1024;

/// Longest request line and headers of a receiver, whose URLs are short. hyper keeps a buffer of
/// this size for each connection.
pub const RECEIVER_HEAD_BYTES_MAX: usize = 32 << 10;

/// Connections to the receivers, and as many to the API, of one core, unless configured.
pub const CONNECTIONS_MAX: usize = 2048;

/// Charged for each open connection: a frame or a head that comes slowly, and what lies in buffers
/// between two turns of its tasks.
pub const CONNECTION_BYTES: u64 = 48 << 10;

/// Part of a core's budget that connections to the receivers may take.
pub const RECEIVERS_BUDGET_SHARE: f64 = 0.15;

/// The same for the API over HTTP…
pub const API_BUDGET_SHARE: f64 = 0.1;

/// …and over gRPC, of which a client has one connection for all its calls.
pub const GRPC_API_BUDGET_SHARE: f64 = 0.05;

/// An HTTP/2 connection is asked for a sign of life this often…
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(300);

/// …and cut if it gives none within this (as grpc-go does).
pub const KEEPALIVE_MAX: Duration = Duration::from_secs(20);

/// A new HTTP/2 connection has to say hello within this.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A request whose next bytes do not come within this gives its memory back.
pub const BODY_SILENCE_MAX: Duration = Duration::from_secs(30);

/// Longest time to receive one request however steadily it trickles.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(120);

/// A streamed answer of which the client takes nothing for so long is broken off.
pub const REPLY_SILENCE_MAX: Duration = Duration::from_secs(60);

/// A stream shows what is new this often (contract http-api.md §12.1).
pub const STREAM_INTERVAL: Duration = Duration::from_millis(500);

/// `Health/Watch` looks for a change this often.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// Of a body that its request is refused for or without, so much is read and dropped…
pub const DISCARD_BYTES_MAX: u64 = 64 << 20;

/// …within this, before the answer goes out; after that the connection is closed.
pub const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// An HTTP/1 receiver's connection without a request is closed after this.
pub const IDLE_MAX: Duration = Duration::from_secs(120);

/// After a failed accept (out of descriptors) the listener rests so long.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Decompression goes in steps of so many bytes with a chance for other tasks in between.
pub const INFLATE_STEP_BYTES: usize = 128 << 10;

/// Largest window that a zstd frame may ask for, as power of two: what compression levels up to 19
/// use. It is allocated by the decoder.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// JSON bodies above this are parsed on a thread aside, since they take longer than a millisecond.
pub const JSON_INLINE_BYTES_MAX: usize = 64 << 10;

/// Memory of one parsed JSON object (`{}` may stand for a span).
pub const JSON_OBJECT_BYTES: u64 = 350;

/// Bytes of an answer in JSON, with room to grow, per byte of its protobuf: charged before it is
/// written. Traces of the tests' corpus take 2.2 times.
pub const JSON_ANSWER_FACTOR: usize = 4;

/// Smallest answer that is worth compressing (contract http-api.md §1).
pub const GZIP_BYTES_MIN: usize = 1024;

/// One warning per reason within this time.
pub const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// After the stop, how long a connection without calls waits for its peer to close.
pub const GOODBYE: Duration = Duration::from_secs(1);

const _: () = assert!(FRAME_BYTES_MAX <= STREAM_WINDOW_BYTES);
const _: () = assert!(STREAM_WINDOW_BYTES <= CONNECTION_WINDOW_BYTES);
