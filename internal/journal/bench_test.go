package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// million writes a log of n entries over half a year, in segments as the
// writer makes them: 40 agents, 2,000 sessions, 300 rules.
func million(tb testing.TB, n int) Options {
	tb.Helper()
	opt := options(tb.TempDir(), newClock())
	log := opt.paths().log
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		tb.Fatal(err)
	}
	var buf bytes.Buffer
	var prev chain.Hash
	first := 0
	flush := func(name string) {
		if err := os.WriteFile(name, buf.Bytes(), 0o600); err != nil {
			tb.Fatal(err)
		}
		buf.Reset()
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		s := i / 500 // sessions come one after the other
		e := chain.Entry{Seq: uint64(i), Time: start.Add(time.Duration(i) * 15 * time.Second), Event: "decision", Agent: claw.AgentID(fmt.Sprintf("agent%d", i%40)),
			Session: claw.SessionKey(fmt.Sprintf("agent:agent%d:s%d", i%40, s)), Run: claw.RunID(fmt.Sprintf("run-%d", i/20)), Prev: prev,
			Data: json.RawMessage(fmt.Sprintf(`{"tool":"exec","verdict":"allow","rule":"exec.rule%d","facts":{"exec":{"commands":[{"argv":["git","log","-n","%d"]}]}},"labels":{"set":0},"generation":"9c1185a5c5e9fc54"}`, s%300, i))}
		if i%7 == 0 {
			e.Event = "egress.request"
		}
		line, h, err := chain.Encode(nil, &e)
		if err != nil {
			tb.Fatal(err)
		}
		prev = h
		buf.Write(append(line, '\n'))
		if buf.Len() >= DefaultSegmentBytes {
			flush(segmentName(log, uint64(first)))
			first = i + 1
		}
	}
	flush(log)
	return opt
}

func searches(n int) map[string]Filter {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n/3) * 15 * time.Second)
	return map[string]Filter{
		"session":    {Session: claw.SessionKey(fmt.Sprintf("agent:agent3:s%d", n/3/500))},
		"rule-agent": {Rule: "exec.rule7", Agent: "agent9"},
		"hour":       {From: at, To: at.Add(time.Hour)},
		"run":        {Run: claw.RunID(fmt.Sprintf("run-%d", n/3/20))},
		"newest-100": {Events: []Event{Egress}, Limit: 100},
		"nothing":    {Agent: "nobody"},
		"text":       {Text: fmt.Sprintf(`"-n","%d"`, n/3)},
	}
}

func indexAll(tb testing.TB, opt Options) {
	tb.Helper()
	segs, err := segments(opt.paths().log)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range segs[:len(segs)-1] {
		if err := writeIndex(s); err != nil {
			tb.Fatal(err)
		}
	}
}

// The index changes how much is read and never what is found; one that was
// tampered with is named.
func TestIndexedSearchFindsTheSame(t *testing.T) {
	t.Parallel()
	const n = 230_000
	opt := million(t, n)
	r, ctx := OpenReader(opt), context.Background()
	plain := map[string][]Record{}
	for name, f := range searches(n) {
		var err error
		if plain[name], err = r.Search(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	indexAll(t, opt)
	for name, f := range searches(n) {
		got, err := r.Search(ctx, f)
		if err != nil || len(got) != len(plain[name]) || len(got) == 0 && name != "nothing" {
			t.Fatalf("%s: %d with the index, %d without: %v", name, len(got), len(plain[name]), err)
		}
		for i := range got {
			if got[i].Hash != plain[name][i].Hash {
				t.Fatalf("%s: entry %d of the answer differs", name, i)
			}
		}
	}
	if wrong, err := CheckIndexes(opt); err != nil || len(wrong) != 0 {
		t.Fatalf("%v %v", wrong, err)
	}
	segs, err := segments(opt.paths().log)
	if err != nil {
		t.Fatal(err)
	}
	x, ok := readIndex(segs[0])
	if !ok {
		t.Fatal("there is no index")
	}
	x.Blocks[0].To = x.Blocks[0].From - 1 // hides a block from searches by time
	if err := os.WriteFile(segs[0].path+indexSuffix, x.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if wrong, err := CheckIndexes(opt); err != nil || len(wrong) != 1 {
		t.Fatalf("%v %v", wrong, err)
	}
}

func BenchmarkSearchMillion(b *testing.B) {
	const n = 1_000_000
	opt := million(b, n)
	indexAll(b, opt)
	r, ctx := OpenReader(opt), context.Background()
	for name, f := range searches(n) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			found, from := 0, cpuTime()
			for b.Loop() {
				got, err := r.Search(ctx, f)
				if err != nil {
					b.Fatal(err)
				}
				found = len(got)
			}
			onCPU(b, from)
			b.ReportMetric(float64(found), "found")
		})
	}
}

// A line of 100 MB costs a search, a reader, a start and the verifier no more
// than the largest entry would.
func TestLineOf100MB(t *testing.T) {
	opt := options(t.TempDir(), newClock())
	j := mustOpen(t, opt)
	add(t, j, Entry{Event: Decision, Data: fact{"before"}})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(opt.paths().log, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 100 {
		if _, err := f.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before := allocated()
	rep, err := Verify(opt, chain.Expect{})
	if err != nil || rep.OK() || rep.Damage.Seq != rep.Size {
		t.Errorf("verify: %v %v", rep, err)
	}
	r, ctx := OpenReader(opt), context.Background()
	if _, err := r.Search(ctx, Filter{Agent: "main"}); err == nil {
		t.Error("search: no error")
	}
	if got, err := r.Tail(ctx, 0, 100); err == nil || len(got) == 0 {
		t.Errorf("tail: %d entries, %v", len(got), err)
	}
	var damage *DamageError
	if _, err := Open(opt); !errors.As(err, &damage) {
		t.Errorf("start: %v", err)
	}
	if used := allocated() - before; used > 40<<20 {
		t.Errorf("%d MB were allocated", used>>20)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// BenchmarkVerify is the whole of `journal verify`, files included.
func BenchmarkVerify(b *testing.B) {
	const n = 100_000
	c := newClock()
	opt := options(b.TempDir(), c)
	j := mustOpen(b, opt)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range n / 64 {
				_, _ = j.Append(context.Background(), Entry{Event: Decision, Agent: "main", Session: "agent:main:main", Data: fact{"git status"}})
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	var size uint64
	from := cpuTime()
	for b.Loop() {
		size = intact(b, opt).Size
	}
	b.ReportMetric(float64(size)*float64(b.N)/(cpuTime()-from).Seconds(), "entries/cpu-s")
}
