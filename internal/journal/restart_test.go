package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const childDir = "OPENCLAW_TEST_JOURNAL"

// TestJournalChild is the process that TestRestartsAndKills kills: it appends
// without end and prints what was acknowledged.
func TestJournalChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return // it has no work of its own
	}
	opt := Options{Dir: dir, Now: time.Now, Redact: func(s string) string { return s }, SegmentBytes: 48 << 10, CheckpointEvery: 20}
	j, err := Open(opt)
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("pid %d writer %d entry %d %s", os.Getpid(), w, i, strings.Repeat("x", i%50))
				p, err := j.Append(context.Background(), Entry{Event: Decision, Data: fact{text}})
				if err != nil {
					fmt.Println("failed:", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Printf("%d %s\n", p, text)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// A process that is killed in the middle of writing, again and again, leaves a
// journal without a false alarm and with every acknowledged entry.
func TestRestartsAndKills(t *testing.T) {
	t.Parallel()
	const perJournal = 40
	r := rand.New(rand.NewPCG(5, 5))
	var dir string
	var acked map[string]string
	for n := range part(1000, 12) {
		if n%perJournal == 0 {
			dir, acked = t.TempDir(), map[string]string{}
		}
		killed(t, dir, acked, 1+r.IntN(150))
		opt := Options{Dir: dir, Now: time.Now, Redact: func(s string) string { return s }}
		intact(t, opt)
		if n%perJournal == perJournal-1 || n == part(1000, 12)-1 {
			found := map[string]bool{}
			for rec, err := range OpenReader(opt).from(0) {
				if err != nil {
					break // the tail of the last kill
				}
				found[fmt.Sprint(rec.Seq)+string(rec.Data)] = true
			}
			for seq, text := range acked {
				if !found[seq+fmt.Sprintf(`{"text":"%s"}`, text)] {
					t.Fatalf("kill %d: acknowledged entry %s %q is lost", n, seq, text)
				}
			}
		}
	}
}

// killed runs the child until it has acknowledged so many entries.
func killed(t *testing.T, dir string, acked map[string]string, entries int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestJournalChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); n++ {
		if n == entries {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		seq, text, ok := strings.Cut(in.Text(), " ")
		if !ok || seq == "failed:" {
			t.Errorf("the child says: %s", in.Text())
			break
		}
		if strings.HasPrefix(text, "pid ") {
			acked[seq] = text // the last line may be half
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}
