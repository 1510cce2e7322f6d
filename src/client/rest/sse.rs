//! Server-sent events from bytes. Pure: chunks in, events out.

/// An event that grows beyond this is not one of ours.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

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
    /// The data of the event that is arriving, once there is any.
    data: Option<String>,
}

impl Parser {
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), SseError> {
        self.buffer.drain(..self.read);
        self.searched -= self.read;
        self.read = 0;
        if self.buffer.len() + self.data.as_ref().map_or(0, String::len) + chunk.len() > MAX_EVENT_BYTES {
            return Err(SseError("an event is larger than 16 MiB"));
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }

    /// The data of the next whole event, if it has arrived. Its id and name stand in the data as well.
    pub(super) fn next_event(&mut self) -> Result<Option<String>, SseError> {
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if let Some(data) = self.data.take() {
                    return Ok(Some(data));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            if field == "data" {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
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

    fn events(chunks: &[&[u8]]) -> Vec<String> {
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

    fn expected() -> Vec<String> {
        vec!["{\"a\":\n\"ü\"}".to_owned(), "x".to_owned()]
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
