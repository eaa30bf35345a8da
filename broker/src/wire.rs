//! MQTT 3.1.1 packets from bytes and to bytes. Never panics on input; never keeps a reference to the read buffer, so a
//! small message kept by the router does not keep a large buffer alive.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rumqttd::protocol::v4::{self, V4};
use rumqttd::protocol::{Connect, LastWill, Packet, Protocol, Publish, Subscribe, Unsubscribe};

/// A packet that a client may send.
#[derive(Debug)]
pub enum Incoming {
    Connect(Connect, Option<LastWill>),
    Publish(Published),
    PubAck(u16),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    PingReq,
    Disconnect,
}

/// A publish from a client; `id` is present with QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub topic: Bytes,
    pub payload: Bytes,
    pub id: Option<u16>,
    pub retain: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a packet of {0} bytes")]
    Oversize(usize),
    #[error("QoS 2 is not offered")]
    QoS2,
    #[error("{0}")]
    Malformed(String),
}

/// Takes the next whole packet off the buffer; `None` when more bytes are needed.
///
/// # Errors
/// When the bytes are no packet of a client, or one that is larger than `max` or not offered. Nothing can be read after.
pub fn next(buffer: &mut BytesMut, max: usize) -> Result<Option<Incoming>, WireError> {
    let header = match v4::check(buffer.iter(), max) {
        Ok(header) => header,
        Err(rumqttd::protocol::Error::InsufficientBytes(_)) => return Ok(None),
        Err(rumqttd::protocol::Error::PayloadSizeLimitExceeded(bytes)) => return Err(WireError::Oversize(bytes)),
        Err(error) => return Err(WireError::Malformed(error.to_string())),
    };
    let (kind, flags) = (header.byte1 >> 4, header.byte1 & 0x0f);
    if kind == PUBLISH {
        let mut frame = &buffer[header.fixed_header_len..header.frame_length()];
        let published = publish(flags, &mut frame);
        buffer.advance(header.frame_length());
        return published.map(|published| Some(Incoming::Publish(published)));
    }
    // MQTT 3.1.1 table 2.2: the flags of every other packet are fixed.
    let fixed = if matches!(kind, SUBSCRIBE | UNSUBSCRIBE) { 0b0010 } else { 0 };
    if flags != fixed {
        return Err(WireError::Malformed(format!("flags {flags:04b} in a packet of type {kind}")));
    }
    match V4.read_mut(buffer, max) {
        Ok(Packet::Connect(connect, _, will, _, _)) => Ok(Some(Incoming::Connect(connect, will))),
        Ok(Packet::PubAck(ack, _)) => Ok(Some(Incoming::PubAck(ack.pkid))),
        Ok(Packet::Subscribe(subscribe, _)) => Ok(Some(Incoming::Subscribe(subscribe))),
        Ok(Packet::Unsubscribe(unsubscribe, _)) if !unsubscribe.filters.is_empty() => {
            Ok(Some(Incoming::Unsubscribe(unsubscribe)))
        }
        Ok(Packet::PingReq(_)) if header.remaining_len == 0 => Ok(Some(Incoming::PingReq)),
        Ok(Packet::Disconnect(..)) => Ok(Some(Incoming::Disconnect)),
        Ok(_) => Err(WireError::Malformed(format!("a packet of type {kind} from a client"))),
        Err(error) => Err(WireError::Malformed(error.to_string())),
    }
}

const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;

fn publish(flags: u8, frame: &mut &[u8]) -> Result<Published, WireError> {
    let short = || WireError::Malformed("a publish that ends too early".to_owned());
    let qos = (flags >> 1) & 0b11;
    let topic_len = usize::from(frame.try_get_u16().map_err(|_| short())?);
    if frame.len() < topic_len {
        return Err(short());
    }
    let (topic, mut rest) = frame.split_at(topic_len);
    let id = match qos {
        0 => None,
        1 => Some(rest.try_get_u16().map_err(|_| short())?),
        2 => return Err(WireError::QoS2),
        _ => return Err(WireError::Malformed("QoS 3 does not exist".to_owned())),
    };
    if id == Some(0) {
        return Err(WireError::Malformed("packet id 0".to_owned()));
    }
    // One allocation of exactly the bytes that stay.
    let mut kept = BytesMut::with_capacity(topic.len() + rest.len());
    kept.put_slice(topic);
    kept.put_slice(rest);
    let mut payload = kept.freeze();
    let topic = payload.split_to(topic_len);
    Ok(Published { topic, payload, id, retain: flags & 1 == 1 })
}

/// What the reading half answers by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    PubAck(u16),
    /// One code for each filter: 0 or 1 granted, 0x80 refused.
    SubAck(u16, Vec<u8>),
    UnsubAck(u16),
    PingResp,
}

impl Reply {
    pub fn write(&self, buffer: &mut BytesMut) {
        match self {
            Self::PubAck(id) => {
                buffer.put_slice(&[0x40, 2]);
                buffer.put_u16(*id);
            }
            Self::SubAck(id, codes) => {
                buffer.put_u8(0x90);
                // At most FILTERS_MAX codes: the length fits in one byte.
                buffer.put_u8(u8::try_from(codes.len() + 2).unwrap_or(u8::MAX) & 0x7f);
                buffer.put_u16(*id);
                buffer.put_slice(codes);
            }
            Self::UnsubAck(id) => {
                buffer.put_slice(&[0xb0, 2]);
                buffer.put_u16(*id);
            }
            Self::PingResp => buffer.put_slice(&[0xd0, 0]),
        }
    }
}

/// A CONNACK without a session; code 0 accepts.
pub fn connack(code: u8) -> [u8; 4] {
    [0x20, 2, 0, code]
}

/// Writes a publish with QoS 1 if it has a packet id, else with QoS 0.
///
/// # Errors
/// When topic or payload is longer than MQTT can say; nothing that was read as a packet is.
pub fn write_told(topic: &[u8], payload: &[u8], id: Option<u16>, buffer: &mut BytesMut) -> Result<(), WireError> {
    let malformed = |error: rumqttd::protocol::Error| WireError::Malformed(error.to_string());
    let id_bytes = if id.is_some() { 2 } else { 0 };
    buffer.put_u8(if id.is_some() { 0x32 } else { 0x30 });
    v4::write_remaining_length(buffer, 2 + topic.len() + id_bytes + payload.len()).map_err(malformed)?;
    buffer.put_u16(u16::try_from(topic.len()).map_err(|_| WireError::Oversize(topic.len()))?);
    buffer.put_slice(topic);
    id.inspect(|id| buffer.put_u16(*id));
    buffer.put_slice(payload);
    Ok(())
}

/// Writes a publish from the router; its packet id if it has QoS 1.
///
/// # Errors
/// When the router gave a packet that cannot be written, which would be its defect.
pub fn write_publish(publish: Publish, buffer: &mut BytesMut) -> Result<Option<u16>, WireError> {
    let start = buffer.len();
    let topic_len = publish.topic.len();
    V4.write(Packet::Publish(publish, None), buffer).map_err(|error| WireError::Malformed(error.to_string()))?;
    let frame = &buffer[start..];
    if frame.first().is_none_or(|byte| byte & 0b110 == 0) {
        return Ok(None);
    }
    let length_bytes = frame[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let at = 1 + length_bytes + 2 + topic_len;
    match frame.get(at..at + 2) {
        Some(id) => Ok(Some(u16::from_be_bytes([id[0], id[1]]))),
        None => Err(WireError::Malformed("a publish without packet id from the router".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(flags: u8, topic: &[u8], id: Option<u16>, payload: &[u8]) -> BytesMut {
        let mut body = BytesMut::new();
        body.put_u16(u16::try_from(topic.len()).unwrap());
        body.put_slice(topic);
        id.inspect(|id| body.put_u16(*id));
        body.put_slice(payload);
        let mut frame = BytesMut::new();
        frame.put_u8(0x30 | flags);
        v4::write_remaining_length(&mut frame, body.len()).unwrap();
        frame.extend_from_slice(&body);
        frame
    }

    #[test]
    fn a_publish_is_read_and_what_is_wrong_with_one_is_named() {
        let mut buffer = frame(0b0011, b"a/b", Some(7), b"hello");
        let Some(Incoming::Publish(published)) = next(&mut buffer, 100).unwrap() else { panic!("no publish") };
        assert_eq!((&published.topic[..], &published.payload[..]), (&b"a/b"[..], &b"hello"[..]));
        assert_eq!((published.id, published.retain, buffer.len()), (Some(7), true, 0));
        assert!(next(&mut BytesMut::from(&frame(0, b"a", None, b"x")[..4]), 100).unwrap().is_none());
        assert_eq!(next(&mut frame(0b0100, b"a", Some(1), b""), 100).unwrap_err(), WireError::QoS2);
        assert_eq!(next(&mut frame(0, b"a", None, &[0; 200]), 100).unwrap_err(), WireError::Oversize(203));
        for mut bad in
            [frame(0b0110, b"a", Some(1), b""), frame(0b0010, b"a", Some(0), b""), frame(0b0010, b"a", None, b"")]
        {
            assert!(matches!(next(&mut bad, 100), Err(WireError::Malformed(_))));
        }
    }

    #[test]
    fn what_is_told_is_read_as_it_was_written() {
        for (id, payload) in [(Some(7), &b"hello"[..]), (None, b""), (Some(u16::MAX), &[0; 16_384])] {
            let mut buffer = BytesMut::new();
            write_told(b"platen/v1/down/acme.one/ack", payload, id, &mut buffer).unwrap();
            let Ok(Some(Incoming::Publish(read))) = next(&mut buffer, 17_000) else { panic!("no publish") };
            assert_eq!((&read.topic[..], &read.payload[..]), (&b"platen/v1/down/acme.one/ack"[..], payload));
            assert_eq!((read.id, read.retain, buffer.len()), (id, false, 0));
        }
    }

    #[test]
    fn a_publish_written_says_its_packet_id() {
        for topic in ["a", "platen/v1/up/35/acme.one"] {
            for size in [0, 100, 200, 17_000] {
                let payload = vec![0; size];
                // The packet id of a router's publish can only be set by reading one.
                let mut bytes = frame(0b0010, topic.as_bytes(), Some(99), &payload);
                let Ok(Packet::Publish(publish, _)) = V4.read_mut(&mut bytes, 20_000) else { panic!("no publish") };
                let mut written = BytesMut::from(&b"before"[..]);
                assert_eq!(write_publish(publish, &mut written), Ok(Some(99)));
            }
        }
        let mut written = BytesMut::new();
        assert_eq!(write_publish(Publish::new("a", "b", true), &mut written), Ok(None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = next(&mut buffer, 200) {}
        }

        #[test]
        fn any_body_of_any_packet_is_read_without_a_panic(kind in 1..15u8, flags in 0..16u8, body in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut buffer = BytesMut::new();
            buffer.put_u8((kind << 4) | if flags % 2 == 0 { flags } else if kind == SUBSCRIBE || kind == UNSUBSCRIBE { 2 } else { 0 });
            v4::write_remaining_length(&mut buffer, body.len()).unwrap();
            buffer.put_slice(&body);
            let _ = next(&mut buffer, 200);
        }

        #[test]
        fn a_connect_with_any_tail_is_read_without_a_panic(flags in any::<u8>(), tail in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut body = BytesMut::from(&b"\0\x04MQTT\x04"[..]);
            body.put_u8(flags);
            body.put_slice(&tail);
            let mut buffer = BytesMut::new();
            buffer.put_u8(0x10);
            v4::write_remaining_length(&mut buffer, body.len()).unwrap();
            buffer.put_slice(&body);
            let _ = next(&mut buffer, 200);
        }
    }
}
