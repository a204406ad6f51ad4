use super::*;

fn start() -> Start {
    Start {
        argv: vec!["mysqld".into(), "--defaults-file=/etc/mysql/my.cnf".into()],
        env: BTreeMap::from([("TOKEN".into(), "s3cret".into())]),
        dir: "/var/lib/mysql".into(),
        log: Log::File("/var/log/mysqld.log".into()),
    }
}

fn line<M: Serialize>(message: &M) -> String {
    String::from_utf8(encode(message).unwrap()).unwrap()
}

fn read<M: DeserializeOwned>(text: &str) -> Result<Option<M>, CodecError> {
    let mut decoder = Decoder::default();
    decoder.push(text.as_bytes());
    decoder.take_message()
}

#[test]
fn the_lines_on_the_wire_are_these() {
    let hello = ToSupervise::Hello {
        protocol: 1,
        version: "1.2.3".into(),
    };
    assert_eq!(
        line(&hello),
        "{\"type\":\"hello\",\"protocol\":1,\"version\":\"1.2.3\"}\n"
    );
    assert_eq!(line(&ToSupervise::Done), "{\"type\":\"done\"}\n");
    let kill = ToSupervise::Signal {
        signal: MysqldSignal::Kill,
    };
    assert_eq!(line(&kill), "{\"type\":\"signal\",\"signal\":\"kill\"}\n");
    assert_eq!(
        line(&ToSupervise::Start(start())),
        "{\"type\":\"start\",\"argv\":[\"mysqld\",\"--defaults-file=/etc/mysql/my.cnf\"],\
         \"env\":{\"TOKEN\":\"s3cret\"},\"dir\":\"/var/lib/mysql\",\
         \"log\":{\"file\":\"/var/log/mysqld.log\"}}\n"
    );
    let exit = Exit {
        pid: 7,
        how: Ended::Signal {
            number: 9,
            core: false,
        },
        at_ms: 5,
    };
    assert_eq!(
        line(&FromSupervise::Exited(exit)),
        "{\"type\":\"exited\",\"pid\":7,\"how\":{\"signal\":{\"number\":9,\"core\":false}},\"at_ms\":5}\n"
    );
    let exit = Exit {
        pid: 7,
        how: Ended::Code(16),
        at_ms: 5,
    };
    let state = State {
        protocol: 1,
        supervise_pid: 1,
        mysqld: Some(Running {
            pid: 9,
            started_at_ms: 4,
        }),
        last_exit: Some(exit),
        terminating: true,
        deadline_ms: Some(30_000),
    };
    assert_eq!(
        line(&FromSupervise::State(state)),
        "{\"type\":\"state\",\"protocol\":1,\"supervise_pid\":1,\
         \"mysqld\":{\"pid\":9,\"started_at_ms\":4},\
         \"last_exit\":{\"pid\":7,\"how\":{\"code\":16},\"at_ms\":5},\
         \"terminating\":true,\"deadline_ms\":30000}\n"
    );
}

#[test]
fn a_message_cut_anywhere_is_read_whole() {
    let messages = [ToSupervise::Start(start()), ToSupervise::Done];
    let bytes: Vec<u8> = messages
        .iter()
        .flat_map(|message| encode(message).unwrap())
        .collect();
    for cut in 0..=bytes.len() {
        let mut decoder = Decoder::default();
        let mut seen: Vec<ToSupervise> = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            decoder.push(part);
            while let Some(message) = decoder.take_message().unwrap() {
                seen.push(message);
            }
        }
        assert_eq!(seen, messages, "cut at {cut}");
    }
}

#[test]
fn fields_and_messages_of_a_newer_protocol_are_ignored() {
    let hello = "{\"type\":\"hello\",\"protocol\":9,\"version\":\"9\",\"mood\":{\"good\":true}}\n";
    let expected = ToSupervise::Hello {
        protocol: 9,
        version: "9".into(),
    };
    assert_eq!(read(hello), Ok(Some(expected)));
    assert_eq!(
        read("{\"type\":\"dance\",\"steps\":[1]}\n"),
        Ok(Some(ToSupervise::Unknown))
    );
    assert_eq!(
        read("{\"type\":\"dance\"}\n"),
        Ok(Some(FromSupervise::Unknown))
    );
}

#[test]
fn a_line_that_is_no_message_is_refused() {
    for text in [
        "garbage\n",
        "\n",
        "{}\n",
        "{\"type\":\"signal\",\"signal\":\"stop\"}\n",
    ] {
        let result = read::<ToSupervise>(text);
        assert!(
            matches!(result, Err(CodecError::Decode { .. })),
            "{text:?}: {result:?}"
        );
    }
}

#[test]
fn a_line_without_end_is_refused_at_the_limit() {
    let mut decoder = Decoder::default();
    decoder.push(&vec![b'x'; LINE_BYTES_MAX]);
    assert_eq!(decoder.take_message::<ToSupervise>(), Ok(None));
    decoder.push(b"x");
    assert_eq!(
        decoder.take_message::<ToSupervise>(),
        Err(CodecError::TooLong)
    );
}

#[test]
fn neither_debug_output_nor_an_error_shows_a_value_of_the_environment() {
    let debug = format!("{:?}", ToSupervise::Start(start()));
    assert!(
        debug.contains("TOKEN") && !debug.contains("s3cret"),
        "{debug}"
    );
    let error = read::<ToSupervise>("{\"type\":\"start\",\"env\":{\"A\":1},\"dir\":\"s3cret\"}\n");
    let error = error.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cret"), "{error}");
}
