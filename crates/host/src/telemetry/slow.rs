//! The report about a request that runs, or ran, longer than WSGISlowRequests.

use super::datagram::{Datagram, Kind};
use super::report::Reports;
use crate::api::slow::SlowRequest;

/// Sends the report.
pub(super) fn report(reports: &Reports, slow: &SlowRequest) {
    let mut datagram = reports.begin(Kind::Slow);
    write(&mut datagram, slow);
    reports.send(datagram);
}

fn write(datagram: &mut Datagram, slow: &SlowRequest) {
    let (times, split, reading, details) = (&slow.times, &slow.split, &slow.reading, &slow.details);
    datagram.count(200, slow.is_finished.into());
    let start = if times.daemon_start == 0 { times.request_start } else { times.daemon_start };
    datagram.number(201, start as f64 / 1e6);
    datagram.number(202, slow.duration.as_secs_f64());
    datagram.count(203, slow.thread.into());
    datagram.text(204, details.log_id.as_bytes(), 63);
    datagram.count(205, details.server_pid.into());

    datagram.text(210, details.method.as_bytes(), 15);
    datagram.text(211, details.scheme.as_bytes(), 15);
    datagram.text(212, host(&details.host).as_bytes(), 255);
    datagram.text(213, details.script_name.as_bytes(), 255);
    datagram.text(214, details.path_info.as_bytes(), 511);
    datagram.text(215, details.protocol.as_bytes(), 15);
    datagram.text(216, details.peer.as_bytes(), 45);
    datagram.text(217, details.user_agent.as_deref().unwrap_or_default().as_bytes(), 511);

    datagram.number(220, split.server.as_secs_f64());
    if let (Some(queue), Some(daemon)) = (split.queue, split.daemon) {
        datagram.number(221, queue.as_secs_f64());
        datagram.number(222, daemon.as_secs_f64());
    }
    datagram.number(223, split.application.as_secs_f64());
    datagram.number(224, reading.gil_time.as_secs_f64());
    datagram.count(225, reading.gil_waits);

    datagram.count(230, reading.input_bytes);
    datagram.count(231, reading.input_reads);
    datagram.count(232, reading.output_bytes);
    datagram.count(233, reading.output_writes);
    datagram.number(234, reading.input_time.as_secs_f64());
    datagram.number(235, reading.output_time.as_secs_f64());

    datagram.count(240, slow.status.into());
    let cpu = slow.cpu.unwrap_or_default();
    datagram.number(250, cpu.user.as_secs_f64());
    datagram.number(251, cpu.system.as_secs_f64());
    let (start, end) = slow.in_flight;
    datagram.count(260, start.into());
    datagram.count(261, if slow.is_finished { end.into() } else { 0 });
}

/// A Host header without its port.
fn host(header: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match header.rsplit_once(':') {
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => host,
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::interval::{Split, Times};
    use crate::api::meters::Reading;
    use crate::api::slow::Details;
    use std::time::Duration;

    #[test]
    fn hosts_lose_their_port() {
        let hosts = ["example.com:8080", "example.com", "[::1]:80", "[::1]", "::1", "a:b", ""].map(host);
        assert_eq!(hosts, ["example.com", "example.com", "[::1]", "[::1]", "::1", "a:b", ""]);
    }

    #[test]
    fn the_longest_texts_fit() {
        let long = "x".repeat(2048);
        let details = Details {
            log_id: long.clone(),
            server_pid: 1,
            method: long.clone(),
            scheme: "https",
            host: long.clone(),
            script_name: long.clone(),
            path_info: long.clone(),
            protocol: long.clone(),
            peer: long.clone(),
            user_agent: Some(long),
        };
        let slow = SlowRequest {
            is_finished: true,
            thread: 1,
            duration: Duration::from_secs(1),
            times: Times { request_start: 1, queue_start: 2, daemon_start: 3, application_start: 4 },
            split: Split { queue: Some(Duration::ZERO), daemon: Some(Duration::ZERO), ..Split::default() },
            reading: Reading::default(),
            cpu: None,
            status: 200,
            in_flight: (1, 1),
            details,
        };
        let mut datagram = Datagram::new(Kind::Slow, 1, 0.0);
        write(&mut datagram, &slow);
        let bytes = datagram.finish(1);
        assert!(bytes.len() < 8192, "{}", bytes.len());
        assert_eq!(bytes.windows(3).filter(|three| three == b"...").count(), 8);
    }
}
