package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// URL is a witness that is reached over HTTP: checkpoints are posted to it as
// text, each with an empty line behind it, so that a file of what it received
// is what `journal verify --witness` reads. A GET gives the newest one back, or
// all of them; a status of 204, 404, 405 or 501 means that it gives none.
type URL struct {
	Client  *http.Client
	Address string
}

var _ Target = URL{}

const (
	contentType = "text/plain; charset=utf-8"
	maxAnswer   = 8 << 20
	maxShown    = 200
)

// Name is what people are shown of an address: no path, query or password,
// which may hold a credential.
func Name(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", errors.New("witness: security.witness.url is not an http or https address")
	}
	return u.Scheme + "://" + u.Host, nil
}

// Send posts one checkpoint.
func (t URL) Send(ctx context.Context, note []byte) error {
	body := append(bytes.Clone(note), '\n')
	resp, err := t.do(ctx, http.MethodPost, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return refusal(resp)
}

// Last gets the newest checkpoint that is kept.
func (t URL) Last(ctx context.Context) ([]byte, error) {
	resp, err := t.do(ctx, http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, ErrCannotTell
	default:
		return nil, refusal(resp)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("witness: the answer has more than %d bytes", maxAnswer)
	}
	return newest(raw)
}

// newest is the checkpoint over the most entries; some other text is no
// memory of ours.
func newest(raw []byte) ([]byte, error) {
	var last []byte
	most := uint64(0)
	for in := chain.NewNotes(bytes.NewReader(append(bytes.TrimRight(raw, "\n"), "\n\n"...))); ; {
		msg, err := in.Next()
		if err != nil {
			break
		}
		if c, err := chain.PeekCheckpoint(msg); err == nil && (last == nil || c.Size >= most) {
			last, most = msg, c.Size
		}
	}
	if last == nil {
		return nil, ErrCannotTell
	}
	return last, nil
}

func (t URL) do(ctx context.Context, method string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.Address, body)
	if err != nil {
		return nil, errors.New("witness: security.witness.url is not an address")
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := t.Client.Do(req)
	if err != nil {
		// The error of a client names the whole address.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("witness: %w", err)
	}
	return resp, nil
}

func refusal(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxShown)) // as much as there is of a reason
	return fmt.Errorf("witness: it answers %s: %q", resp.Status, b)
}
