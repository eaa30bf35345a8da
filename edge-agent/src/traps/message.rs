//! What a trap or an inform says of itself (RFC 1157 section 4.1.6, RFC 3416 section 4.2.6 and 4.2.7). Pure.

use std::net::{IpAddr, Ipv4Addr};

use crate::snmp::ber::{self, Reader};

const TRAP_V1: u8 = 0xa4;
const INFORM: u8 = 0xa6;
const TRAP_V2: u8 = 0xa7;
const RESPONSE: u8 = 0xa2;
const IP_ADDRESS: u8 = 0x40;

/// As much of a trap as is needed to know whom to poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    pub community: Vec<u8>,
    /// agent-addr of v1: the device, where a router translated its address.
    pub agent: Option<IpAddr>,
    /// What acknowledges an inform: the same message as a response.
    pub ack: Option<Vec<u8>>,
}

/// `None` for anything that is no trap or inform of v1 or v2c.
pub fn read(datagram: &[u8]) -> Option<Trap> {
    let outer = Reader::new(datagram).whole().filter(|outer| outer.tag == ber::SEQUENCE)?;
    let mut message = Reader::new(outer.contents);
    let version = message.integer()?;
    let community = message.expect(ber::OCTETS)?.to_vec();
    let pdu = message.whole()?;
    let mut fields = Reader::new(pdu.contents);
    match (version, pdu.tag) {
        (0, TRAP_V1) => {
            fields.expect(ber::OBJECT_IDENTIFIER)?;
            let octets = <[u8; 4]>::try_from(fields.expect(IP_ADDRESS)?).ok()?;
            let agent = Some(Ipv4Addr::from(octets)).filter(|address| !address.is_unspecified());
            Some(Trap { community, agent: agent.map(IpAddr::from), ack: None })
        }
        (1, TRAP_V2 | INFORM) => {
            let _numbers = (fields.integer()?, fields.integer()?, fields.integer()?);
            fields.expect(ber::SEQUENCE)?;
            let ack = if pdu.tag == INFORM { Some(acknowledged(outer.bytes, pdu.bytes)?) } else { None };
            Some(Trap { community, agent: None, ack })
        }
        _ => None,
    }
}

fn acknowledged(message: &[u8], pdu: &[u8]) -> Option<Vec<u8>> {
    let place = (pdu.as_ptr() as usize).checked_sub(message.as_ptr() as usize)?;
    let mut ack = message.to_vec();
    *ack.get_mut(place)? = RESPONSE;
    Some(ack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::ber::{element, integer};

    fn message(version: i64, tag: u8, fields: &[Vec<u8>]) -> Vec<u8> {
        let pdu = element(tag, &fields.concat());
        element(ber::SEQUENCE, &[integer(version), element(ber::OCTETS, b"public"), pdu].concat())
    }

    fn numbered(tag: u8) -> Vec<u8> {
        message(1, tag, &[integer(300), integer(0), integer(0), element(ber::SEQUENCE, &[])])
    }

    #[test]
    fn traps_and_informs_are_read_and_an_inform_is_answered_by_itself_as_a_response() {
        let v1 = [element(ber::OBJECT_IDENTIFIER, &[0x2b]), element(IP_ADDRESS, &[10, 0, 0, 7]), integer(6)];
        let trap = read(&message(0, TRAP_V1, &v1)).unwrap();
        assert_eq!((trap.agent, trap.ack, trap.community), (Some([10, 0, 0, 7].into()), None, b"public".to_vec()));
        assert_eq!(read(&numbered(TRAP_V2)).unwrap().ack, None);
        assert_eq!(read(&numbered(INFORM)).unwrap().ack, Some(numbered(RESPONSE)));
    }

    #[test]
    fn what_is_no_trap_is_ignored() {
        for other in [numbered(RESPONSE), numbered(0xa0), message(0, TRAP_V1, &[]), message(3, TRAP_V2, &[]), vec![]] {
            assert_eq!(read(&other), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_datagram_is_read_or_ignored(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
