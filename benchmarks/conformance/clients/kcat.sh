#!/usr/bin/env bash
# kcat (librdkafka) as the suite's client: create|produce|read|group BOOTSTRAP TOPIC ...
# kcat has no command that creates a topic: asking for its metadata has the broker do so.
set -euo pipefail
command=$1 bootstrap=$2 topic=$3
shift 3
format='%p %o %k %s %h\n'
plain() { sed 's/ h=/ /'; }
case $command in
create) kcat -b "$bootstrap" -L -t "$topic" -X allow.auto.create.topics=true >/dev/null ;;
produce) # with one header for all records: kcat has no other
  codec=$1 first=$2 count=$3
  [ "$codec" = none ] || compress="-z $codec"
  seq "$first" $((first + count - 1)) | awk '{print "k" $1 "\tv" $1}' | kcat -b "$bootstrap" -P -t "$topic" -K $'\t' -H h=same ${compress:-} -X enable.idempotence=true ;;
read) kcat -b "$bootstrap" -C -t "$topic" -o beginning -c "$1" -q -f "$format" | plain ;;
group) kcat -b "$bootstrap" -G "$1" -c "$2" -q -f "$format" -X auto.offset.reset=earliest "$topic" | plain ;;
esac
