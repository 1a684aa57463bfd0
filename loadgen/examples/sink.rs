//! Acknowledges OTLP gRPC exports and throws them away: what the load generator costs by itself.
//!
//! `cargo run --release -p stringendo-loadgen --example sink -- 127.0.0.1:4317`

use bytes::Bytes;
use monoio::net::{TcpListener, TcpStream};
use monoio_compat::TcpStreamCompat;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4317".to_owned());
    stringendo_loadgen::runtime::block_on(listen(address))?
}

async fn listen(address: String) -> Result<(), Failure> {
    let listener = TcpListener::bind(address)?;
    loop {
        let (stream, _) = listener.accept().await?;
        monoio::spawn(async move {
            if let Err(error) = serve(stream).await {
                eprintln!("sink: {error}");
            }
        });
    }
}

async fn serve(stream: TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let stream = TcpStreamCompat::new_with_buffer_size(stream, 256 << 10, 64 << 10);
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(8 << 20).initial_connection_window_size(32 << 20);
    let mut connection = builder.max_frame_size(256 << 10).handshake::<_, Bytes>(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, answer) = accepted?;
        monoio::spawn(async move {
            if let Err(error) = acknowledge(request, answer).await {
                eprintln!("sink: {error}");
            }
        });
    }
    Ok(())
}

async fn acknowledge(
    request: http::Request<h2::RecvStream>,
    mut answer: h2::server::SendResponse<Bytes>,
) -> Result<(), Failure> {
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data?.len())?;
    }
    let head = http::Response::builder().header("content-type", "application/grpc").body(())?;
    let mut sent = answer.send_response(head, false)?;
    sent.send_data(Bytes::from_static(&[0; 5]), false)?;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    Ok(sent.send_trailers(trailers)?)
}
