package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// poll takes the updates that wait from next on, and gives the position after
// those that were taken. It moves past an update only once the sink has it, or
// it can mean nothing.
func (b *Bot) poll(ctx context.Context, s channel.Sink, next int64) (int64, error) {
	body, err := json.Marshal(getUpdates{Offset: next, Limit: maxUpdates, Timeout: PollSeconds, Allowed: allowed()})
	if err != nil {
		return next, err
	}
	pctx, cancel := context.WithTimeout(ctx, (PollSeconds+20)*time.Second)
	defer cancel()
	var raws []json.RawMessage
	if err := b.post(pctx, "getUpdates", "application/json", body, pollBytes, &raws); err != nil {
		return next, err
	}
	saved, first := next, next
	for _, raw := range raws {
		u, err := readUpdate(raw)
		if err != nil {
			b.conf.Report(fmt.Errorf("telegram: an update of account %q was left out: %w", b.conf.Account, err))
		}
		if u.ID < next {
			continue // it was taken already, or names no place
		}
		lasting, err := b.take(ctx, s, u)
		if err != nil {
			return next, errors.Join(err, b.save(saved, next))
		}
		next = u.ID + 1
		if lasting {
			if err := b.conf.Position.Save(next); err != nil {
				return next, err
			}
			saved = next
		}
	}
	if len(raws) > 0 && next == first {
		return next, errors.New("telegram: getUpdates: none of the updates could be read")
	}
	return next, b.save(saved, next)
}

func (b *Bot) save(saved, next int64) error {
	if saved == next {
		return nil
	}
	return b.conf.Position.Save(next)
}

// readUpdate reads one update. Of one that makes no sense only the id is left.
func readUpdate(raw json.RawMessage) (update, error) {
	var u update
	if err := json.Unmarshal(raw, &u); err == nil && u.ID >= 0 {
		return u, nil
	}
	var id struct {
		ID int64 `json:"update_id"`
	}
	if err := json.Unmarshal(raw, &id); err != nil || id.ID <= 0 {
		return update{ID: -1}, errors.New("it is no update")
	}
	return update{ID: id.ID}, errors.New("it is not what the Bot API describes")
}

// take hands one update to the sink.
func (b *Bot) take(ctx context.Context, s channel.Sink, u update) (lasting bool, err error) {
	switch {
	case u.Message != nil:
		return s.Receive(ctx, b.message(u.Message))
	case u.Edited != nil:
		m := b.message(u.Edited)
		m.Edited = true
		return s.Receive(ctx, m)
	case u.Callback != nil:
		return b.pressed(ctx, s, u.Callback)
	}
	return false, nil
}

// pressed answers a press. A press on a message that is too old to be named,
// or that some other chat shows, has no message and means nothing.
func (b *Bot) pressed(ctx context.Context, s channel.Sink, c *callback) (bool, error) {
	if c.Message == nil || c.Message.Chat.ID == 0 || c.ID == "" {
		return false, nil
	}
	p := channel.Press{Channel: "telegram", Account: b.conf.Account, By: sender(&c.From), Data: c.Data,
		On: channel.Ref{To: b.target(c.Message), Chat: id(c.Message.Chat.ID), ID: id(c.Message.ID)}}
	text := s.Press(ctx, p)
	if err := b.call(ctx, "answerCallbackQuery", map[string]any{"callback_query_id": c.ID, "text": cut(text, 180)}, nil); err != nil && ctx.Err() == nil {
		b.conf.Report(fmt.Errorf("telegram: a press was not answered: %w", err))
	}
	return true, nil
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func sender(u *user) channel.Sender {
	if u == nil {
		return channel.Sender{}
	}
	return channel.Sender{ID: claw.SenderID(id(u.ID)), Name: strings.TrimSpace(u.First + " " + u.Last), Username: u.Username, Program: u.IsBot}
}

// generalTopic is the thread that must not be named in a send.
const generalTopic = 1

func thread(m *message) int64 {
	if m.Topic && m.Thread != generalTopic {
		return m.Thread
	}
	return 0
}

func (b *Bot) target(m *message) channel.Target {
	t := id(m.Chat.ID)
	if n := thread(m); n != 0 {
		t += ":topic:" + id(n)
	}
	return channel.Target(t)
}

// message puts an update's message into the words of every channel. Who wrote
// in the name of a group or channel has no id of a person.
func (b *Bot) message(m *message) channel.Message {
	me := b.self()
	out := channel.Message{Channel: "telegram", Account: b.conf.Account, ID: id(m.ID), At: time.Unix(m.Date, 0),
		Chat: channel.Chat{ID: id(m.Chat.ID), Thread: id(thread(m)), Title: m.Chat.Title, To: b.target(m)}, Text: m.Text,
		Edited: m.EditDate != 0, Forwarded: forwarded(m), ByProgram: m.ViaBot != nil}
	switch m.Chat.Type {
	case "private":
		out.Chat.Kind = channel.Direct
	case "group", "supergroup":
		out.Chat.Kind = channel.Group
	}
	entities := m.Entities
	if out.Text == "" {
		out.Text, entities = m.Caption, m.CapEntities
	}
	if m.SenderChat == nil {
		out.Sender = sender(m.From)
	} else {
		out.Sender = channel.Sender{Name: m.SenderChat.Title, Program: true}
	}
	out.Own = m.From != nil && m.From.ID == me.ID && me.ID != 0
	out.Mentioned, out.Text = mentions(out.Text, entities, me)
	if r := m.ReplyTo; r != nil && len(r.TopicCreated) == 0 {
		own := r.From != nil && r.From.ID == me.ID
		out.Mentioned = out.Mentioned || own
		q := &channel.Quoted{ID: id(r.ID), Sender: sender(r.From), Text: r.Text, Own: own}
		if q.Text == "" {
			q.Text = r.Caption
		}
		if m.Quote != nil && m.Quote.Text != "" {
			q.Text = m.Quote.Text
		}
		out.Quoted = q
	} else if len(m.ExternalReply) > 0 && string(m.ExternalReply) != "null" {
		out.Quoted = &channel.Quoted{Sender: channel.Sender{Name: "another chat"}}
		if m.Quote != nil {
			out.Quoted.Text = m.Quote.Text
		}
	}
	out.Files = b.files(m)
	return out
}

func forwarded(m *message) bool {
	return m.ForwardDate != 0 || m.ForwardFrom != nil || m.AutoForward || len(m.ForwardOrigin) > 0 && string(m.ForwardOrigin) != "null"
}

// mentions reports whether a text names the bot in one of the service's forms,
// and gives the text with the bot's name taken off a command.
func mentions(text string, entities []entity, me user) (bool, string) {
	if me.ID == 0 {
		return false, text
	}
	units := utf16.Encode([]rune(text))
	found := false
	for _, e := range entities {
		if e.Offset < 0 || e.Length <= 0 || e.Offset > len(units) || e.Length > len(units)-e.Offset {
			continue
		}
		word := string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
		switch e.Type {
		case "mention":
			found = found || me.Username != "" && strings.EqualFold(word, "@"+me.Username)
		case "text_mention":
			found = found || e.User != nil && e.User.ID == me.ID
		case "bot_command":
			name, bot, addressed := strings.Cut(word, "@")
			if !addressed {
				continue
			}
			if me.Username == "" || !strings.EqualFold(bot, me.Username) {
				continue
			}
			found = true
			if e.Offset == 0 {
				text = name + string(utf16.Decode(units[e.Length:]))
			}
		}
	}
	return found, text
}

// files are what comes along; of a photo the largest form.
func (b *Bot) files(m *message) []channel.File {
	var out []channel.File
	add := func(f *file, name, kind string) {
		if f == nil || f.ID == "" {
			return
		}
		c := *f
		if c.Name != "" {
			name = c.Name
		}
		if c.MIME != "" {
			kind = c.MIME
		}
		out = append(out, channel.File{Name: name, MIME: kind, Size: c.Size, Open: func(ctx context.Context, limit int64) ([]byte, error) {
			return b.fetch(ctx, c.ID, min(limit, b.conf.MaxFile))
		}})
	}
	if n := len(m.Photo); n > 0 {
		best := &m.Photo[0]
		for i := range m.Photo {
			if m.Photo[i].Size > best.Size {
				best = &m.Photo[i]
			}
		}
		add(best, "photo.jpg", "image/jpeg")
	}
	if m.Animation == nil {
		add(m.Document, "document", "application/octet-stream")
	}
	add(m.Audio, "audio", "audio/mpeg")
	add(m.Voice, "voice.ogg", "audio/ogg")
	add(m.Video, "video.mp4", "video/mp4")
	add(m.VideoNote, "video.mp4", "video/mp4")
	add(m.Animation, "animation.mp4", "video/mp4")
	add(m.Sticker, "sticker.webp", "image/webp")
	return out
}

// fetch gets a file's content.
func (b *Bot) fetch(ctx context.Context, fileID string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var f file
	if err := b.call(ctx, "getFile", map[string]string{"file_id": fileID}, &f); err != nil {
		return nil, err
	}
	if f.Size > limit {
		return nil, fmt.Errorf("telegram: %w: %d bytes, at most %d", channel.ErrTooLarge, f.Size, limit)
	}
	if f.Path == "" || strings.Contains(f.Path, "..") || strings.ContainsAny(f.Path, "?#\\ ") || f.Path[0] == '/' {
		return nil, errors.New("telegram: getFile: the answer names no file")
	}
	var out []byte
	return out, b.conf.Token(func(token string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.root+"/file/bot"+token+"/"+f.Path, nil)
		if err != nil {
			return channel.Mask(err, token)
		}
		res, err := b.conf.HTTP.Do(req)
		if err != nil {
			return channel.Mask(fmt.Errorf("telegram: file: %w", bare(err)), token)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("telegram: file: status %d", res.StatusCode)
		}
		if out, err = io.ReadAll(io.LimitReader(res.Body, limit+1)); err != nil {
			return channel.Mask(fmt.Errorf("telegram: file: %w", err), token)
		}
		if int64(len(out)) > limit {
			out = nil
			return fmt.Errorf("telegram: %w: more than %d bytes", channel.ErrTooLarge, limit)
		}
		return nil
	})
}
