package app

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneLookForAll: who asks while the home is looked at gets that answer;
// a look from before a change answers nobody who asks after it.
func TestOneLookForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s audits
		var looks atomic.Int32
		gate := make(chan struct{})
		slow := func() judged { looks.Add(1); <-gate; return judged{at: time.Now()} }
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { s.get(0, slow) })
		}
		synctest.Wait()
		if n := looks.Load(); n != 1 {
			t.Errorf("%d looks for eight who asked at once", n)
		}
		s.forget() // the home changed meanwhile
		fresh := s.get(time.Hour, func() judged { looks.Add(1); return judged{at: time.Now()} })
		close(gate)
		wg.Wait()
		if n := looks.Load(); n != 2 || fresh.at.IsZero() {
			t.Errorf("%d looks", n)
		}
		kept := s.get(auditKept, func() judged { t.Error("what is fresh is looked at again"); return judged{} })
		if kept.at != fresh.at {
			t.Error("the look from before the change was kept")
		}
		time.Sleep(auditKept)
		if s.get(auditKept, func() judged { looks.Add(1); return judged{at: time.Now()} }); looks.Load() != 3 {
			t.Error("an old answer")
		}
		s.get(0, func() judged { looks.Add(1); return judged{at: time.Now()} })
		if looks.Load() != 4 {
			t.Error("asked to look again, it did not")
		}
	})
}
