package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// A line is recorded before it is dialled, reaches private addresses only when
// the operator wrote one, and never goes past a proxy.
func TestLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 hello\r\n")
			_ = c.Close()
		}
	}()
	_, p, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	var events []egress.Event
	fail := false
	record := func(_ context.Context, e egress.Event) error {
		events = append(events, e)
		if fail {
			return errors.New("disk full")
		}
		return nil
	}
	e, err := egress.New(egress.Options{Record: record})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Line(t.Context(), "notify mail", "127.0.0.1", port)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if len(events) != 1 || events[0].Client != "notify mail" || events[0].Verdict != policy.Allow || events[0].Host.Port != port {
		t.Errorf("%+v", events)
	}
	fail = true
	if _, err := e.Line(t.Context(), "notify mail", "127.0.0.1", port); !errors.Is(err, egress.ErrNotRecorded) {
		t.Errorf("without a record: %v", err)
	}
	fail = false
	e, err = egress.New(egress.Options{Record: record, Proxy: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Line(t.Context(), "notify mail", "mx.example.com", 587); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("past the proxy: %v", err)
	}
}
