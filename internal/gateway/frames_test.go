package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Opcodes and bits of RFC 6455 §5.2.
const (
	contFrame, textFrame, pingFrame = 0x0, 0x1, 0x9
	fin, rsv1                       = 0x80, 0x40
	masked                          = 0x80
)

// rawFrame is one frame as a client sends it, masked with zeros.
func rawFrame(head byte, payload string) string {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	return string(b) + "\x00\x00\x00\x00" + payload
}

// upgraded is a socket after the handshake, without a library in between.
func (w *world) upgraded(t testing.TB) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", w.tcp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", res, err)
	}
	return c, r
}

// cut reads until the gateway ends the connection.
func cut(t *testing.T, r io.Reader) {
	t.Helper()
	_, err := io.Copy(io.Discard, r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is kept")
	}
}

var openingRequest = `{"type":"req","id":"1","method":"connect","params":{"pathEnv":"` // never finished

// Frames that break the protocol, are too long, or never end are cut before
// connect, and everybody else is answered.
func TestFramesBeforeConnect(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.HandshakeTimeout = 200 * time.Millisecond })
	watcher := w.operator(wire.Read)
	half := strings.Repeat("x", wire.PreConnectBytes/2)
	var ends sync.WaitGroup
	for name, frames := range map[string]string{
		"a length of 2^63":         string([]byte{fin | textFrame, masked | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
		"a length of 2^40":         string([]byte{fin | textFrame, masked | 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
		"not masked":               string([]byte{fin | textFrame, 2, '{', '}'}),
		"reserved bit":             rawFrame(fin|rsv1|textFrame, "{}"),
		"unknown opcode":           rawFrame(fin|0x7, "{}"),
		"continues nothing":        rawFrame(fin|contFrame, "{}"),
		"out of order":             rawFrame(textFrame, "{") + rawFrame(fin|textFrame, "{}"),
		"a ping of 200 bytes":      rawFrame(fin|pingFrame, strings.Repeat("p", 200)),
		"half a ping":              rawFrame(pingFrame, "p"),
		"fragments beyond a limit": rawFrame(textFrame, openingRequest) + rawFrame(contFrame, half) + rawFrame(contFrame, half) + rawFrame(contFrame, half),
		"fragments without an end": rawFrame(textFrame, openingRequest) + rawFrame(contFrame, "x"),
		"empty fragments":          rawFrame(textFrame, "") + strings.Repeat(rawFrame(contFrame, ""), 5000),
		"pings without an end":     strings.Repeat(rawFrame(fin|pingFrame, "p"), 5000),
		"half a header":            string([]byte{fin | textFrame}),
		"half a payload":           rawFrame(fin|textFrame, openingRequest)[:20],
		"silence":                  "",
	} {
		ends.Go(func() {
			t.Run(name, func(t *testing.T) {
				c, r := w.upgraded(t)
				_, _ = io.WriteString(c, frames) // may be cut before all is sent
				cut(t, r)
			})
		})
		watcher.must("health", map[string]any{}, nil)
	}
	ends.Wait()
	watcher.must("health", map[string]any{}, nil)
}

// One byte at a time is no way around the limit of time.
func TestSlowFrames(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.HandshakeTimeout = 100 * time.Millisecond })
	c, r := w.upgraded(t)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for _, b := range []byte(rawFrame(fin|textFrame, openingRequest+strings.Repeat("x", 30_000))) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			<-time.After(time.Millisecond) // the slow client's pace
		}
	}()
	cut(t, r)
	_ = c.Close()
	<-stop
	w.operator(wire.Read)
}

// After connect the limit is larger, and it holds for fragments as well.
func TestFragmentsAfterConnect(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.MaxPayload = 2 * wire.PreConnectBytes })
	watcher := w.operator(wire.Read)
	c, r := w.upgraded(t)
	p, err := json.Marshal(want(rightToken, wire.Read))
	if err != nil {
		t.Fatal(err)
	}
	request := `{"type":"req","id":"1","method":"connect","params":` + string(p) + `}`
	// In three fragments with a ping between them, which is right.
	fmt.Fprint(c, rawFrame(textFrame, request[:10])+rawFrame(fin|pingFrame, "p")+rawFrame(contFrame, request[10:20])+rawFrame(fin|contFrame, request[20:]))
	var got bytes.Buffer
	for b := make([]byte, 4096); !strings.Contains(got.String(), `hello-ok`); {
		n, err := r.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(b[:n])
	}
	piece := rawFrame(contFrame, strings.Repeat("x", 8<<10))
	_, _ = io.WriteString(c, rawFrame(textFrame, openingRequest))
	for range 3 * wire.PreConnectBytes / (8 << 10) {
		if _, err := io.WriteString(c, piece); err != nil {
			break // cut already
		}
	}
	cut(t, r)
	watcher.must("health", map[string]any{}, nil)
}

// FuzzFrames sends bytes over an upgraded socket: whatever they are, the
// connection ends and the owner is answered.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"", rawFrame(fin|textFrame, `{"type":"req","id":"1","method":"connect","params":{}}`), rawFrame(textFrame, "{") + rawFrame(fin|contFrame, "}"),
		rawFrame(fin|pingFrame, "p"), rawFrame(fin|0x8, "\x03\xe8"), rawFrame(fin|0x2, "\x00"), "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xc1\x80\x00\x00\x00\x00"} {
		f.Add([]byte(s))
	}
	w := newWorld(f, nil)
	watcher := w.operator(wire.Read)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, r := w.upgraded(t)
		_, _ = c.Write(b) // may be cut before all is sent
		_ = c.(*net.TCPConn).CloseWrite()
		cut(t, r)
		_ = c.Close()
		watcher.t = t
		watcher.must("health", map[string]any{}, nil)
	})
}
