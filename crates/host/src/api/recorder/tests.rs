//! Tests of the recorder.

use super::*;

fn recorder() -> &'static Recorder {
    Box::leak(Box::new(Recorder::new()))
}

fn begin(recorder: &'static Recorder, thread: u32) -> Recording {
    let times = Times { request_start: micros_now(), ..Times::default() };
    recorder.begin(thread, times, &Arc::default(), |_| Details::default())
}

fn reached(recorder: &'static Recorder, thread: u32, status: u16) {
    let recording = begin(recorder, thread);
    recording.enter(micros_now());
    recording.leave(micros_now(), status);
}

#[test]
fn lifetime_counts_from_the_beginning_and_intervals_from_the_switch() {
    let recorder = recorder();
    reached(recorder, 2, 200);
    assert!(recorder.drain().is_none());
    assert!(!recorder.is_for_application());
    recorder.record_for_application();
    recorder.record_for_application();
    assert!(recorder.is_for_application());
    reached(recorder, 1, 404);
    drop(begin(recorder, 1)); // did not reach the application
    let sample = recorder.drain().unwrap();
    assert_eq!((sample.total.requests, sample.total.statuses), (2, [0, 0, 0, 1, 0]));
    let completed: Vec<_> = sample.threads.iter().map(|thread| thread.completed).collect();
    assert_eq!((completed, sample.active()), (vec![2, 0], 1));
    let lifetime = recorder.lifetime();
    assert_eq!((lifetime.requests, lifetime.running, lifetime.threads), (3, 0, vec![2, 1]));
    assert_eq!(recorder.drain().unwrap().total.requests, 0);
}

#[test]
fn a_running_request_is_busy_in_every_interval() {
    let recorder = recorder();
    let running = begin(recorder, 1);
    recorder.record_for_application();
    let mut sum = Duration::ZERO;
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(2));
        let sample = recorder.drain().unwrap();
        assert_eq!((sample.total.requests, sample.active(), recorder.in_flight()), (0, 1, 1));
        assert!(sample.total.busy <= sample.period && sample.utilization(1) <= 1.0);
        sum += sample.total.busy;
    }
    assert!(sum >= Duration::from_millis(6), "{sum:?}");
    drop(running);
    let sample = recorder.drain().unwrap();
    assert_eq!((sample.total.requests, recorder.in_flight()), (1, 0));
    assert!(sample.total.longest >= sum && sample.total.busy < sum);
}

#[test]
fn a_request_that_was_not_run_does_not_count() {
    let recorder = recorder();
    recorder.record_for_application();
    begin(recorder, 1).cancel();
    assert_eq!(recorder.drain().unwrap().total.requests, 0);
    let lifetime = recorder.lifetime();
    assert_eq!((lifetime.requests, lifetime.running, lifetime.threads), (0, 0, vec![0]));
    assert_eq!(recorder.in_flight(), 0);
}

#[test]
fn slow_requests_are_told_while_they_run_and_once_they_have_ended() {
    let recorder = recorder();
    let wanted = SlowRequests { after: Duration::ZERO, user_agent: true };
    recorder.record_for_reporter(Some(wanted));
    recorder.record_for_application(); // too late: there is a consumer
    assert!(!recorder.is_for_application());
    let details = |user_agent| Details {
        method: "GET".into(),
        user_agent: Some(user_agent).map(|_| "x".into()),
        ..Details::default()
    };
    let recording = recorder.begin(3, Times::default(), &Arc::default(), details);
    let slow = recorder.running_slow(16);
    assert_eq!(slow.len(), 1);
    assert_eq!((slow[0].thread, slow[0].is_finished, slow[0].status), (3, false, 0));
    assert_eq!(recorder.running_slow(0).len(), 0);
    recording.leave(micros_now(), 201);
    drop(recording);
    assert!(recorder.running_slow(16).is_empty());
    let slow = recorder.finished_slow();
    assert_eq!((slow.len(), slow[0].is_finished, slow[0].status), (1, true, 201));
    assert_eq!((slow[0].details.method.as_str(), slow[0].in_flight), ("GET", (1, 1)));
    assert!(recorder.finished_slow().is_empty());
}

#[test]
fn quick_requests_are_not_told_as_slow() {
    let recorder = recorder();
    recorder.record_for_reporter(Some(SlowRequests { after: Duration::from_secs(60), user_agent: false }));
    let recording = begin(recorder, 1);
    assert!(recorder.running_slow(16).is_empty());
    drop(recording);
    assert!(recorder.finished_slow().is_empty());
}

#[test]
fn finished_slow_requests_are_kept_up_to_a_limit() {
    let recorder = recorder();
    recorder.record_for_reporter(Some(SlowRequests { after: Duration::ZERO, user_agent: false }));
    for _ in 0..MOST_SLOW + 10 {
        reached(recorder, 1, 200);
    }
    assert_eq!(recorder.finished_slow().len(), MOST_SLOW);
}

#[test]
fn meters_run_only_when_somebody_wants_times() {
    let recorder = recorder();
    let time = |recorder: &'static Recorder| {
        let meters = Arc::new(Meters::default());
        let _recording = recorder.begin(1, Times::default(), &meters, |_| Details::default());
        meters.reading(|| std::thread::sleep(Duration::from_millis(1)));
        meters.read()
    };
    let off = time(recorder);
    assert_eq!((off.input_reads, off.input_time), (1, Duration::ZERO));
    recorder.observe();
    assert!(time(recorder).input_time >= Duration::from_millis(1));
}
