-- a mark that is settled is gone, so that the table holds what is to be computed and not every day there ever was
DELETE FROM mark WHERE EXISTS (
    SELECT 1 FROM settled WHERE settled.device = mark.device AND settled.day = mark.day AND settled.seq >= mark.seq
);
DROP TABLE settled;
