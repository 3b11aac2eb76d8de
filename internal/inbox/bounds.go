package inbox

import (
	"container/list"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Bounds of what is remembered of messages and senders.
const (
	keepSeen    = 8192
	keepSenders = 4096
	keepGroups  = 128
	// SenderBurst messages may come at once from one sender who is not the
	// owner, then one in SenderEvery; StrangerBurst and StrangerEvery are for
	// all who are on no list together.
	SenderBurst   = 20
	SenderEvery   = 3 * time.Second
	StrangerBurst = 60
	StrangerEvery = 200 * time.Millisecond
	// maxOverheard bounds one message that is kept as context.
	maxOverheard = 1000
	MaxHistory   = 50
)

// recent remembers the last keys, oldest forgotten first.
type recent struct {
	max  int
	at   map[string]struct{}
	ring []string
	next int
}

func newRecent(n int) recent { return recent{max: n, at: map[string]struct{}{}} }

func (r *recent) has(k string) bool {
	_, ok := r.at[k]
	return ok
}

func (r *recent) add(k string) {
	if r.has(k) {
		return
	}
	if len(r.ring) < r.max {
		r.ring = append(r.ring, k)
	} else {
		delete(r.at, r.ring[r.next])
		r.ring[r.next] = k
		r.next = (r.next + 1) % r.max
	}
	r.at[k] = struct{}{}
}

// bucket holds what a sender may still send.
type bucket struct {
	key  string
	left float64
	at   time.Time
}

func (b *bucket) take(burst int, every time.Duration, now time.Time) bool {
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(float64(burst), b.left+float64(passed)/float64(every))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// buckets are the senders of late, the one that was heard longest ago
// forgotten first.
type buckets struct {
	by    map[string]*list.Element
	order *list.List // newest first
	all   bucket
}

func newBuckets() buckets {
	return buckets{by: map[string]*list.Element{}, order: list.New(), all: bucket{left: StrangerBurst}}
}

func (b *buckets) take(key string, s claw.Standing, now time.Time) bool {
	if s == claw.Stranger && !b.all.take(StrangerBurst, StrangerEvery, now) {
		return false
	}
	e := b.by[key]
	if e == nil {
		if len(b.by) >= keepSenders {
			old := b.order.Back()
			delete(b.by, old.Value.(*bucket).key) //nolint:errcheck,forcetypeassert // only buckets are put in
			b.order.Remove(old)
		}
		e = b.order.PushFront(&bucket{key: key, left: SenderBurst, at: now})
		b.by[key] = e
	}
	b.order.MoveToFront(e)
	return e.Value.(*bucket).take(SenderBurst, SenderEvery, now) //nolint:errcheck,forcetypeassert // only buckets are put in
}

// said is a message that was not meant for the bot.
type said struct{ sender, text string }

// overheard keeps what was said in groups since the bot was last addressed.
type overheard struct {
	by    map[string][]said
	order []string
}

func newOverheard() overheard { return overheard{by: map[string][]said{}} }

func (o *overheard) add(key string, m channel.Message, limit int) {
	limit = min(limit, MaxHistory)
	if limit <= 0 || m.Text == "" {
		return
	}
	if _, ok := o.by[key]; !ok {
		if len(o.order) >= keepGroups {
			delete(o.by, o.order[0])
			o.order = o.order[1:]
		}
		o.order = append(o.order, key)
	}
	l := append(o.by[key], said{who(m.Sender), clip(m.Text, maxOverheard)})
	if len(l) > limit {
		l = append([]said(nil), l[len(l)-limit:]...)
	}
	o.by[key] = l
}

// take gives what was kept of a group, once.
func (o *overheard) take(key string) []said {
	l := o.by[key]
	if l != nil {
		o.by[key] = nil
	}
	return l
}
