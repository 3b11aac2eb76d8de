package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Bounds of a ClientHello. A browser's with post-quantum keys is about 2 KB.
const (
	maxHello   = 32 << 10
	maxRecords = 16
	maxRecord  = 16384 + 256
)

// helloError says why the beginning of a tunnel is no acceptable ClientHello.
type helloError struct {
	rule   policy.RuleID
	reason string
}

func (e *helloError) Error() string { return e.reason }

func notHello(rule policy.RuleID, format string, args ...any) error {
	return &helloError{rule: rule, reason: fmt.Sprintf(format, args...)}
}

// hello is a ClientHello with the bytes that it came in.
type hello struct {
	raw []byte
	sni string
}

// readHello reads exactly the records that hold one ClientHello. It refuses
// anything else before a byte is passed on: another protocol, no server name,
// an encrypted hello (whose server name is not the real one).
func readHello(r io.Reader) (hello, error) {
	var raw, message []byte
	for range maxRecords {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return hello{}, incomplete(err)
		}
		n := int(binary.BigEndian.Uint16(head[3:]))
		if head[0] != 22 || head[1] != 3 {
			return hello{}, notHello(RuleTLS, "the tunnel does not begin with TLS")
		}
		if n == 0 || n > maxRecord || len(raw)+n > maxHello {
			return hello{}, notHello(RuleTLS, "a TLS record of %d bytes is no ClientHello", n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return hello{}, incomplete(err)
		}
		raw = append(append(raw, head[:]...), body...)
		message = append(message, body...)
		if message[0] != 1 {
			return hello{}, notHello(RuleTLS, "the first handshake message is %d, not a ClientHello", message[0])
		}
		if len(message) < 4 {
			continue
		}
		want := 4 + int(message[1])<<16 + int(message[2])<<8 + int(message[3])
		switch {
		case want > maxHello:
			return hello{}, notHello(RuleTLS, "a ClientHello of %d bytes is refused", want)
		case len(message) > want:
			return hello{}, notHello(RuleTLS, "more follows the ClientHello in its record")
		case len(message) == want:
			sni, err := parseHello(message[4:])
			return hello{raw: raw, sni: sni}, err
		}
	}
	return hello{}, notHello(RuleTLS, "the ClientHello is spread over more than %d records", maxRecords)
}

func incomplete(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return notHello(RuleTLS, "the tunnel ended before a ClientHello")
	}
	return notHello(RuleTLS, "no ClientHello came in time")
}

// cursor reads length-prefixed fields; bad is set once one does not fit.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uint8() int {
	if b := c.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (c *cursor) uint16() int {
	if b := c.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Extensions that matter: the server name, and every form of encrypted hello
// that was deployed.
const extServerName = 0

var extEncrypted = [...]int{0xfe0d, 0xfe0c, 0xfe0b, 0xfe0a, 0xfe09, 0xfe08, 0xffce, 0xff02, 0xff03}

// parseHello returns the server name of a ClientHello's body.
func parseHello(body []byte) (string, error) {
	c := &cursor{b: body}
	c.take(2 + 32)
	c.take(c.uint8())  // session id
	c.take(c.uint16()) // cipher suites
	c.take(c.uint8())  // compression
	ext := &cursor{b: c.take(c.uint16())}
	if c.bad || len(c.b) != 0 {
		return "", notHello(RuleTLS, "the ClientHello is malformed")
	}
	name, seen := "", false
	for len(ext.b) > 0 {
		kind := ext.uint16()
		data := ext.take(ext.uint16())
		if ext.bad {
			return "", notHello(RuleTLS, "the ClientHello's extensions are malformed")
		}
		for _, e := range extEncrypted {
			if kind == e {
				return "", notHello(RuleECH, "an encrypted ClientHello hides where it goes")
			}
		}
		if kind != extServerName {
			continue
		}
		if seen {
			return "", notHello(RuleSNI, "the ClientHello names two servers")
		}
		seen = true
		var err error
		if name, err = serverName(data); err != nil {
			return "", err
		}
	}
	if !seen {
		return "", notHello(RuleSNI, "the ClientHello names no server")
	}
	return name, nil
}

// serverName reads the one host name of a server_name extension.
func serverName(data []byte) (string, error) {
	c := &cursor{b: data}
	list := &cursor{b: c.take(c.uint16())}
	kind := list.uint8()
	name := list.take(list.uint16())
	if c.bad || list.bad || len(c.b) != 0 || len(list.b) != 0 || kind != 0 || len(name) == 0 {
		return "", notHello(RuleSNI, "the ClientHello's server name is malformed")
	}
	return strings.ToLower(strings.TrimSuffix(string(name), ".")), nil
}
