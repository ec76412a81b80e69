// Moves money between accounts through go-redis: optimistic transactions from several goroutines, pipelines, sorted sets, scans.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run go_redis_job.go 6379
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"gopkg.in/redis.v5"
)

const accounts, movers, moves, start = 20, 4, 100, 1000

func main() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1]})
	defer client.Close()
	_, err := client.Pipelined(func(pipe *redis.Pipeline) error {
		for number := 0; number < accounts; number++ {
			pipe.Set(account(number), start, time.Hour)
		}
		return nil
	})
	check(err)
	var group sync.WaitGroup
	retried := make(chan int, movers)
	for mover := 0; mover < movers; mover++ {
		group.Add(1)
		go func(mover int) {
			defer group.Done()
			again := 0
			for move := 0; move < moves; move++ {
				from, to := account((mover*7+move)%accounts), account((mover*3+move*5+1)%accounts)
				for transfer(client, from, to) == redis.TxFailedErr {
					again++
				}
			}
			retried <- again
		}(mover)
	}
	group.Wait()
	close(retried)
	again := 0
	for count := range retried {
		again += count
	}
	sum, cursor, seen := 0, uint64(0), map[string]bool{}
	for {
		keys, next, err := client.Scan(cursor, "account:*", 10).Result()
		check(err)
		for _, key := range keys {
			// A scan may tell a key twice.
			if seen[key] {
				continue
			}
			seen[key] = true
			amount, err := client.Get(key).Int64()
			check(err)
			sum += int(amount)
			check(client.ZAdd("rich", redis.Z{Score: float64(amount), Member: key}).Err())
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	ranked, err := client.ZRevRangeWithScores("rich", 0, -1).Result()
	check(err)
	moved, err := client.Get("moved").Int64()
	check(err)
	fmt.Printf("%d moves of %d accounts, sum %d, again %d\n", moved, len(seen), sum, again)
	if sum != accounts*start || len(seen) != accounts || len(ranked) != accounts || moved != movers*moves {
		os.Exit(1)
	}
}

// Moves one from an account to another, if both are as they were read.
func transfer(client *redis.Client, from, to string) error {
	err := client.Watch(func(tx *redis.Tx) error {
		have, err := tx.Get(from).Int64()
		check(err)
		if from == to || have == 0 {
			return tx.Incr("moved").Err()
		}
		_, err = tx.Pipelined(func(pipe *redis.Pipeline) error {
			pipe.DecrBy(from, 1)
			pipe.IncrBy(to, 1)
			pipe.Incr("moved")
			return nil
		})
		return err
	}, from, to)
	if err != nil && err != redis.TxFailedErr {
		panic(err)
	}
	return err
}

func account(number int) string { return "account:" + strconv.Itoa(number) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
