package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/store"
)

// questions keeps the open questions on disk, so that a restart can say what
// became of them. None is asked again: a consent must not be older than the
// rules that it was asked under.
type questions struct {
	docs   store.Documents
	report func(error)

	mu   sync.Mutex
	open map[claw.ApprovalID]approval.View
	// resumed is the run of the newest answer.
	resumed    claw.RunID
	resumedFor claw.ApprovalID
}

const questionsFile = "open.json"

// heard is the desk's subscriber.
func (q *questions) heard(e approval.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.Answer.State == approval.Waiting {
		q.open[e.View.ID] = e.View
	} else {
		delete(q.open, e.View.ID)
	}
	if err := q.save(); err != nil {
		q.report(err)
	}
}

// save writes what is open down. The caller holds mu.
func (q *questions) save() error {
	b, err := json.Marshal(q.open)
	if err != nil {
		return err
	}
	return q.docs.Write(questionsFile, b)
}

// openQuestions ends what waited when the gateway stopped, then keeps what is
// asked from here on.
func (a *App) openQuestions() error {
	q := &questions{docs: a.store.Documents(store.FolderApprovals), report: a.report("open questions"), open: map[claw.ApprovalID]approval.View{}}
	b, err := q.docs.Read(questionsFile)
	if err != nil {
		return err
	}
	left := map[claw.ApprovalID]approval.View{}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &left); err != nil {
			a.log.Error("what waited for an answer before the restart is not known: the record cannot be read", "error", err)
		}
	}
	for _, v := range left {
		if err := a.endQuestion(a.life, v, "the gateway restarted"); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		if err := q.save(); err != nil {
			return err
		}
	}
	a.questions = q
	a.desk.Subscribe(q.heard)
	a.desk.Subscribe(a.answered)
	return nil
}

// endQuestion ends a question that nobody can answer any more: the journal has
// it first, then its session is told. No model is asked.
func (a *App) endQuestion(ctx context.Context, v approval.View, why string) error {
	answer := approval.Answer{State: approval.Expired, At: time.Now().UTC(), Reason: why}
	digest, err := hex.DecodeString(v.Request)
	if err != nil {
		digest = nil
	}
	if _, err := a.journal.Append(ctx, journal.Entry{Event: journal.Consent, Agent: v.Agent, Session: v.Session, Digest: digest, Data: struct {
		Approval claw.ApprovalID `json:"approval"`
		State    approval.State  `json:"state"`
		Reason   string          `json:"reason"`
	}{v.ID, answer.State, why}}); err != nil {
		return err
	}
	a.desk.Ended(v, answer)
	m := model.User(fmt.Sprintf("[gateway] approval %s: expired: %s before a person answered. Nothing was done; call %s again if it is still wanted.", v.ID, why, v.Tool))
	m.Timestamp = answer.At.UnixMilli()
	if err := a.sessions.Append(v.Session, m, ""); err != nil && !errors.Is(err, store.ErrNoSession) {
		return err
	}
	return nil
}

// Local runs one message to its end without a gateway. What an agent asks goes
// to ask at once, and its answer is carried out. Without ask the question ends
// with the command, since nobody could answer it later; unanswered has those.
func (a *App) Local(ctx context.Context, m inbox.Message, ask func(approval.View) approval.Reply) (r agent.Result, unanswered []approval.View, err error) {
	if r, err = a.Turn(ctx, m); err != nil {
		return r, nil, err
	}
	for ask != nil && ctx.Err() == nil {
		waiting := a.desk.Waiting()
		if len(waiting) == 0 {
			return r, nil, nil
		}
		next, err := a.carryOn(ctx, ask(waiting[0]))
		if err != nil {
			return r, nil, err
		}
		r = joined(r, next)
	}
	unanswered = a.desk.Waiting()
	for _, v := range unanswered {
		if err := a.endQuestion(context.WithoutCancel(ctx), v, "agent --local ended"); err != nil {
			return r, unanswered, err
		}
	}
	return r, unanswered, a.questions.clear()
}

// carriesOn notes which run an answer resumed.
func (q *questions) carriesOn(id claw.ApprovalID, run claw.RunID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.resumed, q.resumedFor = run, id
}

func (q *questions) runOf(id claw.ApprovalID) (claw.RunID, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.resumed, q.resumedFor == id
}

// clear forgets what is open: all of it has been ended.
func (q *questions) clear() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.open) == 0 {
		return nil
	}
	clear(q.open)
	return q.save()
}

// carryOn answers a question and waits for the turn that it resumes.
func (a *App) carryOn(ctx context.Context, reply approval.Reply) (agent.Result, error) {
	if _, err := a.desk.Answer(reply); err != nil {
		return agent.Result{}, err
	}
	run, ok := a.questions.runOf(reply.ID) // the desk has told everybody by now
	if !ok {
		return agent.Result{}, fmt.Errorf("the answer to %q resumed nothing", reply.ID)
	}
	v, _, err := a.desk.Get(reply.ID)
	if err != nil {
		return agent.Result{}, err
	}
	stop := context.AfterFunc(ctx, func() { a.engine.Abort(v.Session, run) })
	defer stop()
	return a.engine.Wait(context.WithoutCancel(ctx), run)
}

// joined is a turn with what came after an answer.
func joined(a, b agent.Result) agent.Result {
	b.Calls = append(a.Calls, b.Calls...)
	b.Usage = a.Usage.Add(b.Usage)
	if a.Reply != "" && b.Reply != "" {
		b.Reply = a.Reply + "\n" + b.Reply
	} else {
		b.Reply += a.Reply
	}
	return b
}
