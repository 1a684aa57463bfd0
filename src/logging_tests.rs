use super::filter;
use stringendo_config::settings::LogLevel;
use tracing::Level;

#[test]
fn our_events_follow_the_level_and_libraries_stay_quiet() {
    let info = filter(LogLevel::Info);
    assert!(info.would_enable("stringendo_engine::flush", &Level::INFO));
    assert!(!info.would_enable("stringendo_engine::flush", &Level::DEBUG));
    assert!(!info.would_enable("h2::codec", &Level::INFO));
    assert!(info.would_enable("h2::codec", &Level::WARN));
    let debug = filter(LogLevel::Debug);
    assert!(debug.would_enable("stringendo_net", &Level::DEBUG));
    assert!(!debug.would_enable("glommio::executor", &Level::DEBUG));
}
