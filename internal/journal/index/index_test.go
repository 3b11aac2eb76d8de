package index_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal/index"
)

func segment(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		e := chain.Entry{Seq: uint64(i), Time: time.Unix(1_790_000_000+int64(i), 0).UTC(), Event: "decision", Agent: claw.AgentID(fmt.Sprintf("agent%d", i/500)),
			Session: claw.SessionKey(fmt.Sprintf("say \"%d\"", i/700)), Data: json.RawMessage(fmt.Sprintf(`{"rule":"rule.n%d","text":%q}`, i/300, strings.Repeat("x", 300)))}
		line, _, err := chain.Encode(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// A block that the index passes over holds no line with the key; most blocks
// that hold none are passed over.
func TestNothingIsPassedOver(t *testing.T) {
	log := segment(t, 6000)
	x, err := index.Build(bytes.NewReader(log), int64(len(log)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := index.Decode(x.Encode())
	if err != nil || len(again.Blocks) != len(x.Blocks) || len(x.Blocks) < 4 {
		t.Fatalf("%d blocks: %v", len(again.Blocks), err)
	}
	read, needed := 0, 0
	for _, key := range []string{`"agent":"agent3"`, `"rule":"rule.n0"`, `"rule":"rule.n19"`, `"session":"say \"2\""`, `"event":"decision"`, `"event":"none"`} {
		for i := range again.Blocks {
			b := &again.Blocks[i]
			may := b.May(index.Key(key))
			is := bytes.Contains(log[b.Offset:b.Offset+b.Size], []byte(key))
			if is && !may {
				t.Errorf("block %d holds %s and is passed over", i, key)
			}
			if may {
				read++
			}
			if is {
				needed++
			}
		}
	}
	if read > needed+2 {
		t.Errorf("%d blocks are read for %d", read, needed)
	}
	last := again.Blocks[len(again.Blocks)-1]
	if again.Blocks[0].From != time.Unix(1_790_000_000, 0).UnixNano() || last.Last != 5999 || last.To != time.Unix(1_790_005_999, 0).UnixNano() {
		t.Errorf("bounds %d %d %d", again.Blocks[0].From, last.Last, last.To)
	}
}

func TestDamagedSegmentHasNoIndex(t *testing.T) {
	log := segment(t, 10)
	for name, b := range map[string][]byte{"cut": log[:len(log)-3], "changed": bytes.Replace(log, []byte("decision"), []byte("Decision"), 1), "long": append(bytes.Repeat([]byte("x"), 3<<20), '\n')} {
		if _, err := index.Build(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: indexed", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	log := segment(f, 20)
	x, err := index.Build(bytes.NewReader(log), int64(len(log)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := index.Decode(b)
		if err == nil && !bytes.Equal(x.Encode(), b) {
			t.Fatal("two forms")
		}
	})
}
