//go:build linux && (amd64 || arm64)

package attack

import (
	"golang.org/x/sys/unix"
)

func networkAttempts() []attempt {
	sock := func(domain, typ, proto int) func(field) error {
		return func(field) error {
			fd, err := unix.Socket(domain, typ, proto)
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}
	}
	unixTo := func(path string) error { return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}) }
	at := func(f field) *unix.SockaddrInet4 {
		return &unix.SockaddrInet4{Port: f.Port, Addr: [4]byte{127, 0, 0, 1}}
	}
	return []attempt{
		{"connect to the host by TCP", atConfined, func(f field) error { return dial(unix.AF_INET, unix.SOCK_STREAM, at(f)) }},
		{"connect to the host by TCP over IPv6", atConfined, func(f field) error { return dial(unix.AF_INET6, unix.SOCK_STREAM, mapped(f.Port)) }},
		{"open a UDP socket", atConfined, func(f field) error { return dial(unix.AF_INET, unix.SOCK_DGRAM, at(f)) }},
		{"open a UDP socket over IPv6", atConfined, sock(unix.AF_INET6, unix.SOCK_DGRAM, 0)},
		{"send a name by DNS", atConfined, func(f field) error {
			fd, err := connectTo(unix.AF_INET, unix.SOCK_DGRAM, at(f))
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			_, err = unix.Write(fd, []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06secret\x04test\x00\x00\x01\x00\x01"))
			return err
		}},
		{"open an MPTCP socket", atConfined, sock(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)},
		{"open an SCTP socket", atConfined, sock(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)},
		{"open a raw socket", always, sock(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
		{"open a packet socket", always, sock(unix.AF_PACKET, unix.SOCK_RAW, 0)},
		{"open a vsock socket", atConfined, sock(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
		{"open an audit socket", atConfined, sock(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)},
		{"open an alg socket", atConfined, sock(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
		{"connect to a unix socket in the workspace", atConfined, func(f field) error { return unixTo(f.Workspace + "/sock") }},
		{"connect to an abstract unix socket", atConfined, func(f field) error { return unixTo(f.Abstract) }},
		{"connect to a container engine's socket", atConfined, func(f field) error { return unixTo(f.Engine) }},
		{"open a datagram unix socket", atConfined, sock(unix.AF_UNIX, unix.SOCK_DGRAM, 0)},
		{"send by TCP fast open", atConfined, func(f field) error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, at(f))
		}},
		{"listen on TCP", atConfined, func(field) error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				return err
			}
			return unix.Listen(fd, 1)
		}},
	}
}

func dial(domain, kind int, to unix.Sockaddr) error {
	fd, err := connectTo(domain, kind, to)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func connectTo(domain, kind int, to unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, to); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// mapped is loopback of IPv4 in the form of IPv6.
func mapped(port int) *unix.SockaddrInet6 {
	return &unix.SockaddrInet6{Port: port, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
}
