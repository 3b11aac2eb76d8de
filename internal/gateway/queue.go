package gateway

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// queue holds the frames that one client has not read yet. Events beyond its
// bounds are dropped and leave a marker; answers are never dropped, instead
// nothing more is read from a client that does not read its answers (R70).
type queue struct {
	maxFrames, maxBytes int

	mu      sync.Mutex
	frames  [][]byte
	bytes   int
	seq     uint64
	gap     droppedPayload
	closed  bool
	ready   chan struct{} // a frame or the end may be there
	drained chan struct{} // room may be there
}

func newQueue(maxFrames, maxBytes int) *queue {
	return &queue{maxFrames: maxFrames, maxBytes: maxBytes, ready: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

func (q *queue) event(name string, payload json.RawMessage) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.seq++
	if q.fullLocked() {
		if q.gap.Count == 0 {
			q.gap.From = q.seq
		}
		q.gap.Count++
		q.gap.To = q.seq
		return
	}
	q.markGapLocked()
	q.pushLocked(wire.EncodeEvent(name, payload, q.seq))
}

func (q *queue) answer(frame []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.pushLocked(frame)
	}
}

func (q *queue) fullLocked() bool { return len(q.frames) >= q.maxFrames || q.bytes >= q.maxBytes }

func (q *queue) pushLocked(frame []byte) {
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	signal(q.ready)
}

// markGapLocked puts the marker where the dropped events would have been.
func (q *queue) markGapLocked() {
	if q.gap.Count == 0 {
		return
	}
	b, err := json.Marshal(q.gap)
	if err != nil {
		panic("BUG(openclaw): gateway: gap: " + err.Error())
	}
	q.gap = droppedPayload{}
	q.pushLocked(wire.EncodeEvent(EventDropped, b, 0))
}

// next waits for a frame; ok is false when ctx is done or the queue is closed
// and empty.
func (q *queue) next(ctx context.Context) (frame []byte, ok bool) {
	for {
		q.mu.Lock()
		if len(q.frames) == 0 {
			q.markGapLocked()
		}
		if len(q.frames) > 0 {
			frame = q.frames[0]
			q.frames[0] = nil
			q.frames = q.frames[1:]
			q.bytes -= len(frame)
			if len(q.frames) == 0 {
				q.frames = nil
			}
			q.mu.Unlock()
			signal(q.drained)
			return frame, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, false
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// room waits until the client has read enough to be answered again.
func (q *queue) room(ctx context.Context) bool {
	for {
		q.mu.Lock()
		free := q.bytes < q.maxBytes && len(q.frames) < q.maxFrames
		q.mu.Unlock()
		if free {
			return true
		}
		select {
		case <-q.drained:
		case <-ctx.Done():
			return false
		}
	}
}

// close lets what is queued be sent and takes nothing more.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.ready)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
