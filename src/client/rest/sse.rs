//! Server-sent events from bytes. Pure: chunks in, events out.

/// An event that grows beyond this is not one of ours.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RawEvent {
    pub(super) id: Option<String>,
    pub(super) event: Option<String>,
    pub(super) data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct SseError(pub(super) &'static str);

/// Gathers bytes until whole events come out.
#[derive(Debug, Default)]
pub(super) struct Parser {
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been read as lines.
    read: usize,
    /// Up to where the buffer is known to hold no further line.
    searched: usize,
    event: RawEvent,
    has_data: bool,
}

impl Parser {
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), SseError> {
        self.buffer.drain(..self.read);
        self.searched -= self.read;
        self.read = 0;
        if self.buffer.len() + self.event.data.len() + chunk.len() > MAX_EVENT_BYTES {
            return Err(SseError("an event is larger than 16 MiB"));
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }

    /// The next whole event, if it has arrived.
    pub(super) fn next_event(&mut self) -> Result<Option<RawEvent>, SseError> {
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if std::mem::take(&mut self.has_data) {
                    return Ok(Some(event));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => {
                    if self.has_data {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                    self.has_data = true;
                }
                "event" => self.event.event = Some(value.to_owned()),
                "id" => self.event.id = Some(value.to_owned()),
                // A comment has an empty name; `retry` is for browsers.
                _ => {}
            }
        }
        Ok(None)
    }

    /// A line without its end, which is LF or CR LF. A lone CR, though allowed, ends no line of ours.
    fn next_line(&mut self) -> Result<Option<String>, SseError> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(length) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return Ok(None);
        };
        let end = self.searched + length;
        let line = self.buffer.get(self.read..end).unwrap_or_default();
        let line = str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|_| SseError("a line is not UTF-8"))?
            .to_owned();
        self.read = end + 1;
        self.searched = self.read;
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<RawEvent> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk).unwrap();
            while let Some(event) = parser.next_event().unwrap() {
                events.push(event);
            }
        }
        events
    }

    const STREAM: &[u8] =
        "\u{feff}: hi\r\n\r\nid: 7\nevent: task\ndata: {\"a\":\ndata: \"ü\"}\n\n:\n\ndata:x\n\nid: 9\n\ndata: cut".as_bytes();

    fn expected() -> Vec<RawEvent> {
        let first = RawEvent {
            id: Some("7".to_owned()),
            event: Some("task".to_owned()),
            data: "{\"a\":\n\"ü\"}".to_owned(),
        };
        vec![first, RawEvent { data: "x".to_owned(), ..RawEvent::default() }]
    }

    #[test]
    fn whole_events_come_out() {
        assert_eq!(events(&[STREAM]), expected());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; MAX_EVENT_BYTES];
        parser.push(&chunk).unwrap();
        assert_eq!(parser.next_event(), Ok(None));
        assert!(parser.push(b"y").is_err());
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &STREAM[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&chunks), expected());
        }

        #[test]
        fn any_bytes_are_survived(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8)) {
            let mut parser = Parser::default();
            for chunk in &chunks {
                parser.push(chunk).unwrap();
                while let Ok(Some(_)) = parser.next_event() {}
            }
        }
    }
}
